#pragma once

#include <cstdint>

#include "base/clock.h"

namespace fairlead::support {

/// Time that a test or the simulation's scheduler moves; it goes on through crashes of the hub.
class HandClock final : public Clock {
 public:
  std::int64_t now_ms() const override { return now_ms_; }
  std::int64_t steady_ms() const override { return now_ms_ - kStart; }
  void advance(std::int64_t ms) { now_ms_ += ms; }

 private:
  static constexpr std::int64_t kStart = 1'764'000'000'000;
  std::int64_t now_ms_ = kStart + 1000;
};

}  // namespace fairlead::support
