#pragma once

#include <algorithm>
#include <cstdint>

namespace fairlead {

/// A rate with a burst, exact and without a timer: the bucket fills as it is asked. A value. The
/// rate itself is given with each question, always the same: many buckets have one.
class TokenBucket {
 public:
  /// Both at least 1.
  struct Rate {
    std::int64_t per_second = 1;
    std::int64_t burst = 1;
  };

  /// The bucket begins full.
  explicit TokenBucket(const Rate& rate) : milli_tokens_(rate.burst * 1000) {}

  /// 0 when there are `amount` tokens (what is more than a burst counts as one); else the ms after
  /// which there will be.
  std::int64_t wait_ms(const Rate& rate, std::int64_t amount, std::int64_t steady_ms) const {
    const std::int64_t missing =
        std::min(amount, rate.burst) * 1000 - milli_tokens_at(rate, steady_ms);
    return missing <= 0 ? 0 : (missing + rate.per_second - 1) / rate.per_second;
  }

  /// Takes them: to be called when there is nothing to wait for.
  void take(const Rate& rate, std::int64_t amount, std::int64_t steady_ms) {
    milli_tokens_ = milli_tokens_at(rate, steady_ms) - std::min(amount, rate.burst) * 1000;
    filled_at_ = steady_ms;
  }

  /// Whether it is as good as new.
  bool is_full(const Rate& rate, std::int64_t steady_ms) const {
    return milli_tokens_at(rate, steady_ms) == rate.burst * 1000;
  }

 private:
  std::int64_t milli_tokens_at(const Rate& rate, std::int64_t steady_ms) const {
    const std::int64_t elapsed = std::max<std::int64_t>(0, steady_ms - filled_at_);
    // A long silence fills the bucket, whatever its length: no overflow.
    const std::int64_t enough_ms = rate.burst * 1000 / rate.per_second + 1;
    return elapsed >= enough_ms
               ? rate.burst * 1000
               : std::min(rate.burst * 1000, milli_tokens_ + elapsed * rate.per_second);
  }

  /// A token is 1000.
  std::int64_t milli_tokens_;
  std::int64_t filled_at_ = 0;
};

}  // namespace fairlead
