#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "auth/repository.h"
#include "commands/command.h"
#include "commands/fleet.h"
#include "devices/device.h"
#include "hub/repository.h"
#include "telemetry/latest.h"
#include "telemetry/sample.h"

namespace fairlead::store {

struct LoadedDevice {
  devices::Device device;
  telemetry::Progress progress;
  telemetry::Latest latest;
};

/// A command to many, and where those members stand that have their command or are deleted.
struct LoadedFleet {
  commands::Fleet fleet;
  std::vector<std::pair<protocol::DeviceKey, commands::State>> members;
};

/// Who used which key for which command (or fleet).
struct IdempotencyKey {
  std::string tenant;
  std::string issued_by;
  std::string key;
  std::string command;
  std::int64_t issued_at = 0;

  friend bool operator==(const IdempotencyKey&, const IdempotencyKey&) = default;
};

inline constexpr std::int64_t kIdempotencyMs = 24LL * 60 * 60 * 1000;
inline constexpr std::size_t kMaxIdempotencyKeys = 100'000;

/// What a hub takes into memory when it starts.
struct Loaded {
  /// By key.
  std::vector<LoadedDevice> devices;
  /// Not final; by (issued_at, id).
  std::vector<commands::Command> unfinished;
  /// Not settled; by id.
  std::vector<LoadedFleet> fleets;
  /// Unexpired.
  std::vector<auth::Revocation> revocations;
  /// By (tenant, subject, name).
  std::vector<hub::DurableSubscription> subscriptions;
  /// Of the last kIdempotencyMs, the newest kMaxIdempotencyKeys; newest first.
  std::vector<IdempotencyKey> keys;
  /// The same of fleets.
  std::vector<IdempotencyKey> fleet_keys;
  /// The highest that any device ever had, deleted ones too: the next is above.
  protocol::DeviceKey last_key = 0;
};

}  // namespace fairlead::store
