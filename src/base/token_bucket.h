#pragma once

#include <algorithm>
#include <cstdint>

namespace fairlead {

/// A rate with a burst, exact and without a timer: the bucket fills as it is asked. A value.
class TokenBucket {
 public:
  /// Both at least 1. The bucket begins full.
  TokenBucket(std::int64_t per_second, std::int64_t burst)
      : per_second_(per_second), burst_(burst), milli_tokens_(burst * 1000) {}

  /// Takes one token. 0 when there was one; else the ms after which there will be.
  std::int64_t take(std::int64_t steady_ms) {
    milli_tokens_ = milli_tokens_at(steady_ms);
    filled_at_ = steady_ms;
    if (milli_tokens_ >= 1000) {
      milli_tokens_ -= 1000;
      return 0;
    }
    return (1000 - milli_tokens_ + per_second_ - 1) / per_second_;
  }

  /// Whether it is as good as new.
  bool is_full(std::int64_t steady_ms) const { return milli_tokens_at(steady_ms) == burst_ * 1000; }

 private:
  std::int64_t milli_tokens_at(std::int64_t steady_ms) const {
    const std::int64_t elapsed = std::max<std::int64_t>(0, steady_ms - filled_at_);
    // A long silence fills the bucket, whatever its length: no overflow.
    const std::int64_t enough_ms = burst_ * 1000 / per_second_ + 1;
    return elapsed >= enough_ms ? burst_ * 1000
                                : std::min(burst_ * 1000, milli_tokens_ + elapsed * per_second_);
  }

  std::int64_t per_second_;
  std::int64_t burst_;
  /// A token is 1000.
  std::int64_t milli_tokens_;
  std::int64_t filled_at_ = 0;
};

}  // namespace fairlead
