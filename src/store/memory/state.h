#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "commands/command.h"
#include "commands/fleet.h"
#include "devices/device.h"
#include "hub/repository.h"
#include "telemetry/sample.h"

namespace fairlead::store::memory {

/// A device with all that is kept by its key.
struct DeviceRows {
  devices::Device device;
  telemetry::Progress progress;
  std::optional<std::string> latest_checkpoint;
  /// By offset, without holes.
  std::vector<telemetry::Sample> samples;
};

using SubscriptionName = std::tuple<std::string, std::string, std::string>;

/// What is committed: the tables. Outlives the hub that wrote it, as a disk does.
struct State {
  std::map<protocol::DeviceKey, DeviceRows> devices;
  /// By (tenant, id), which is unique.
  std::map<std::pair<std::string, std::string>, protocol::DeviceKey> keys;
  protocol::DeviceKey last_key = 0;
  /// By id.
  std::map<std::string, commands::Command> commands;
  /// By id.
  std::map<std::string, commands::Fleet> fleets;
  /// By connection.
  std::map<std::string, hub::ConnectionLog> logs;
  /// By (tenant, subject, name).
  std::map<SubscriptionName, hub::DurableSubscription> subscriptions;
  /// (tenant, jti) -> expiry; 0: never.
  std::map<std::pair<std::string, std::string>, std::int64_t> revocations;
};

}  // namespace fairlead::store::memory
