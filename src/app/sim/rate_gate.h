#pragma once

#include <algorithm>
#include <cstdint>

namespace fairlead::app::sim {

/// Keeps a device under the rate that the hub's welcome names: a token bucket a little smaller.
class RateGate {
 public:
  /// `messages_per_second` 0: no limit.
  void set(std::int64_t messages_per_second, std::int64_t burst, std::int64_t now_us) {
    per_us_ = static_cast<double>(messages_per_second) * kShare / 1e6;
    burst_ = std::max(1.0, static_cast<double>(burst) * kShare);
    tokens_ = burst_;
    refilled_us_ = now_us;
  }

  /// Counts a message that is sent anyway.
  void charge(std::int64_t now_us) {
    refill(now_us);
    tokens_ -= 1;
  }

  /// From when on a message may be sent; not after `now_us` when one may at once.
  std::int64_t opens_us(std::int64_t now_us) {
    refill(now_us);
    if (per_us_ <= 0 || tokens_ >= 1) return now_us;
    return now_us + static_cast<std::int64_t>((1 - tokens_) / per_us_) + 1;
  }

 private:
  static constexpr double kShare = 0.9;

  void refill(std::int64_t now_us) {
    tokens_ = std::min(burst_, tokens_ + static_cast<double>(now_us - refilled_us_) * per_us_);
    refilled_us_ = now_us;
  }

  double per_us_ = 0;
  double burst_ = 1;
  double tokens_ = 1;
  std::int64_t refilled_us_ = 0;
};

}  // namespace fairlead::app::sim
