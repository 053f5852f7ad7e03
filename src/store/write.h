#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "auth/repository.h"
#include "commands/command.h"
#include "commands/fleet.h"
#include "devices/device.h"
#include "hub/repository.h"
#include "telemetry/sample_block.h"

namespace fairlead::store {

/// Shared with the shard that numbered them and tells of them.
struct StoreSamples {
  std::shared_ptr<const telemetry::SampleBlock> block;
};

struct SaveDevice {
  devices::Device device;
};

struct SavePresence {
  protocol::DeviceKey key = 0;
  std::int64_t session = 0;
  std::int64_t last_seen = 0;
};

struct RemoveDevice {
  protocol::DeviceKey key = 0;
};

struct SaveCommand {
  commands::Command command;
};

struct CreateFleet {
  commands::Fleet fleet;
};

struct UpdateFleet {
  std::string id;
  commands::FleetProgress progress;
};

struct OpenLog {
  hub::ConnectionLog log;
};

struct CloseLog {
  hub::ConnectionLog log;
};

struct ForgetLogs {
  std::int64_t before_ms = 0;
  /// Set by the commit: whether there may be more of them.
  std::shared_ptr<bool> has_more;
};

struct ForgetCommands {
  std::int64_t before_ms = 0;
  /// Set by the commit: whether there may be more of them.
  std::shared_ptr<bool> has_more;
};

/// Rows of one ForgetCommands; of fleets fewer, which are large.
inline constexpr std::size_t kMaxForgottenCommands = 1000;
inline constexpr std::size_t kMaxForgottenFleets = 10;

/// Rows of one ForgetLogs: a commit must not hold up those behind it.
inline constexpr std::size_t kMaxForgottenLogs = 1000;

struct SaveSubscription {
  hub::DurableSubscription subscription;
};

struct RemoveSubscription {
  std::string tenant;
  std::string subject;
  std::string name;
};

struct Revoke {
  auth::Revocation revocation;
};

struct ForgetRevocations {
  /// What has expired by then is forgotten.
  std::int64_t now_ms = 0;
};

/// One change of the store, as the ports of the floors above ask for it.
using Write = std::variant<StoreSamples, SaveDevice, SavePresence, RemoveDevice, SaveCommand,
                           CreateFleet, UpdateFleet, ForgetCommands, OpenLog, CloseLog, ForgetLogs,
                           SaveSubscription, RemoveSubscription, Revoke, ForgetRevocations>;

/// About the bytes of memory that `write` holds while it waits.
std::size_t weight(const Write& write);

/// The samples in `write`; 0 for all but telemetry.
std::size_t samples_in(const Write& write);

}  // namespace fairlead::store
