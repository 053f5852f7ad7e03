#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/token_bucket.h"

namespace fairlead {

/// A token bucket that several threads draw from, without a lock. It is kept as the moment at which
/// it will be full again, so that one number is all of it. A resource; times in ns are exact to one
/// ns a take.
class SharedBucket {
 public:
  explicit SharedBucket(const TokenBucket::Rate& rate)
      : rate_(rate), burst_ns_(time_for(rate.burst)) {}
  SharedBucket(const SharedBucket&) = delete;
  SharedBucket& operator=(const SharedBucket&) = delete;

  /// Takes `amount`, which is a burst at most (what is more counts as one). 0 when there was so
  /// much; else the ms after which there will be, and nothing was taken.
  std::int64_t take(std::int64_t amount, std::int64_t steady_ms) {
    const std::int64_t now = steady_ms * kNsPerMs;
    const std::int64_t cost = time_for(std::min(amount, rate_.burst));
    std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
    while (true) {
      const std::int64_t then = std::max(full_at, now) + cost;
      const std::int64_t over = then - now - burst_ns_;
      if (over > 0) return (over + kNsPerMs - 1) / kNsPerMs;
      if (full_at_.compare_exchange_weak(full_at, then, std::memory_order_relaxed)) return 0;
    }
  }

  /// What was taken and then not used.
  void give_back(std::int64_t amount) {
    full_at_.fetch_sub(time_for(std::min(amount, rate_.burst)), std::memory_order_relaxed);
  }

 private:
  static constexpr std::int64_t kNsPerMs = 1'000'000;
  static constexpr std::int64_t kNsPerSecond = 1'000'000'000;

  /// Rounded up. In two parts, so that nothing overflows up to 10^9 a second.
  std::int64_t time_for(std::int64_t amount) const {
    const std::int64_t rest = amount % rate_.per_second;
    return amount / rate_.per_second * kNsPerSecond +
           (rest * kNsPerSecond + rate_.per_second - 1) / rate_.per_second;
  }

  const TokenBucket::Rate rate_;
  const std::int64_t burst_ns_;
  std::atomic<std::int64_t> full_at_ = 0;
};

}  // namespace fairlead
