#pragma once

#include <cstdint>

namespace fairlead::hub {

/// A connection's place on its shard; never given twice by a shard.
using SessionNumber = std::uint64_t;

}  // namespace fairlead::hub
