#pragma once

#include <cstdint>

#include "base/completion.h"
#include "devices/device.h"

namespace fairlead::devices {

/// Where registry entries become durable. Thread and order as telemetry::Repository says: done
/// after the commit, in the order of the calls, all of a shard's together when a commit failed.
class Repository {
 public:
  virtual ~Repository() = default;
  /// Creates or replaces the whole entry.
  virtual void save(Device device, Completion<void> done) = 0;
  /// Only `session` and `last_seen` of an entry: at a connect, an end, now and then between.
  virtual void save_presence(protocol::DeviceKey key, std::int64_t session, std::int64_t last_seen,
                             Completion<void> done) = 0;
  /// The entry with its telemetry and its commands.
  virtual void remove(protocol::DeviceKey key, Completion<void> done) = 0;
};

}  // namespace fairlead::devices
