#pragma once

#include <cstdint>

namespace fairlead::protocol {

/// A device's row in the store: positive, given once, never given again.
using DeviceKey = std::int64_t;

/// A device's place in its home shard's tables: dense, given again after a device was deleted.
using DeviceRef = std::uint32_t;

}  // namespace fairlead::protocol
