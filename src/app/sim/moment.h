#pragma once

#include <cstdint>
#include <limits>

namespace fairlead::app::sim {

/// A point in time on both clocks: durations by the steady one, time stamps by the wall.
struct Moment {
  std::int64_t steady_us = 0;
  std::int64_t wall_ms = 0;
};

/// Later than any moment.
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace fairlead::app::sim
