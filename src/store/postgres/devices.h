#pragma once

#include <cstdint>
#include <vector>

#include "devices/device.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

// ---- in a pipeline ------------------------------------------------------------------------------
void save_device(Connection& connection, const devices::Device& device);
void save_presence(Connection& connection, protocol::DeviceKey key, std::int64_t session,
                   std::int64_t last_seen);
/// With all that refers to it.
void remove_device(Connection& connection, protocol::DeviceKey key);

// ---- reads --------------------------------------------------------------------------------------
/// Above `above`, by key, at most kDevicesAtOnce.
Outcome<std::vector<devices::Device>> load_devices(Connection& connection,
                                                   protocol::DeviceKey above);
/// The highest key ever given.
Outcome<protocol::DeviceKey> load_last_key(Connection& connection);

/// A page of a fleet that is loaded: bounds what libpq holds.
inline constexpr std::int64_t kDevicesAtOnce = 5000;

}  // namespace fairlead::store::postgres
