#pragma once

#include <algorithm>
#include <cstdint>

namespace fairlead::store {

// How expiries of revocations compare; 0 stands for never.

constexpr std::int64_t later_expiry(std::int64_t one, std::int64_t other) {
  return one == 0 || other == 0 ? 0 : std::max(one, other);
}

constexpr bool is_expired(std::int64_t expiry, std::int64_t now_ms) {
  return expiry != 0 && expiry <= now_ms;
}

}  // namespace fairlead::store
