#pragma once

#include <cmath>
#include <cstdint>

#include "base/random.h"

namespace fairlead::app::sim {

/// How long until something happens that happens by chance, every `mean_us` on average.
inline std::int64_t chance_us(std::int64_t mean_us, Random& random) {
  const double share = (static_cast<double>(random.next() >> 11) + 1) * 0x1p-53;
  return static_cast<std::int64_t>(-std::log(share) * static_cast<double>(mean_us));
}

}  // namespace fairlead::app::sim
