#pragma once

#include <cstdint>
#include <vector>

#include "devices/device.h"
#include "store/sqlite/database.h"

namespace fairlead::store::sqlite {

/// devices through one connection.
class Devices {
 public:
  explicit Devices(Database& database);

  Result<void> save(const devices::Device& device);
  Result<void> save_presence(protocol::DeviceKey key, std::int64_t session, std::int64_t last_seen);
  /// With what refers to it (not telemetry_data, see the migration).
  Result<void> remove(protocol::DeviceKey key);

  /// By key.
  Result<std::vector<devices::Device>> load();
  /// The highest key ever given.
  Result<protocol::DeviceKey> last_key();

 private:
  Statement save_;
  Statement save_presence_;
  Statement remove_;
  Statement load_;
  Statement last_key_;
};

}  // namespace fairlead::store::sqlite
