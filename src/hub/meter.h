#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/shared_bucket.h"
#include "base/token_bucket.h"

namespace fairlead::hub {

/// How much somebody may send.
struct RateLimit {
  /// 0: any number.
  std::int64_t messages_per_second = 0;
  /// Messages at once.
  std::int64_t burst = 1;
  /// 0: any number.
  std::int64_t bytes_per_second = 0;
  /// A longer message could never be sent.
  std::int64_t longest_message = 0;

  bool is_any() const { return messages_per_second == 0 && bytes_per_second == 0; }
  TokenBucket::Rate messages() const {
    return {.per_second = std::max<std::int64_t>(1, messages_per_second), .burst = burst};
  }
  /// At once: what a second allows, and one message of any length.
  TokenBucket::Rate bytes() const {
    return {.per_second = std::max<std::int64_t>(1, bytes_per_second),
            .burst = std::max({std::int64_t{1}, bytes_per_second, longest_message})};
  }
};

/// kRateLimited, with the time to wait.
Error over_rate(const RateLimit& limit, std::string_view whose, std::int64_t wait_ms);

/// What one sender has used of its limit. A value: the limit itself is given with each question.
class Meter {
 public:
  explicit Meter(const RateLimit& limit) : messages_(limit.messages()), bytes_(limit.bytes()) {}

  /// 0 when a message of so many bytes may be sent now; else the ms after which it may.
  std::int64_t wait_ms(const RateLimit& limit, std::size_t bytes, std::int64_t steady_ms) const {
    std::int64_t wait = 0;
    if (limit.messages_per_second > 0) wait = messages_.wait_ms(limit.messages(), 1, steady_ms);
    if (limit.bytes_per_second > 0) {
      wait = std::max(wait, bytes_.wait_ms(limit.bytes(), amount(bytes), steady_ms));
    }
    return wait;
  }
  /// To be called when there is nothing to wait for.
  void take(const RateLimit& limit, std::size_t bytes, std::int64_t steady_ms) {
    if (limit.messages_per_second > 0) messages_.take(limit.messages(), 1, steady_ms);
    if (limit.bytes_per_second > 0) bytes_.take(limit.bytes(), amount(bytes), steady_ms);
  }

  /// Whether it is as good as new.
  bool is_full(const RateLimit& limit, std::int64_t steady_ms) const {
    return messages_.is_full(limit.messages(), steady_ms) &&
           bytes_.is_full(limit.bytes(), steady_ms);
  }

 private:
  static std::int64_t amount(std::size_t bytes) { return static_cast<std::int64_t>(bytes); }

  TokenBucket messages_;
  TokenBucket bytes_;
};

/// The same for senders on several threads.
class SharedMeter {
 public:
  explicit SharedMeter(const RateLimit& limit)
      : limit_(limit), messages_(limit.messages()), bytes_(limit.bytes()) {}

  const RateLimit& limit() const { return limit_; }

  /// Takes one message of so many bytes: 0. Or nothing: the ms after which it may be sent.
  std::int64_t take(std::size_t bytes, std::int64_t steady_ms) {
    if (limit_.messages_per_second > 0) {
      if (const auto wait = messages_.take(1, steady_ms); wait > 0) return wait;
    }
    if (limit_.bytes_per_second == 0) return 0;
    const auto wait = bytes_.take(static_cast<std::int64_t>(bytes), steady_ms);
    if (wait > 0 && limit_.messages_per_second > 0) messages_.give_back(1);
    return wait;
  }

 private:
  const RateLimit limit_;
  SharedBucket messages_;
  SharedBucket bytes_;
};

/// Port to a meter for each tenant, over all shards. Thread-safe.
class TenantMeters {
 public:
  virtual ~TenantMeters() = default;
  /// Lasts as long as this. Null when tenants have no limit.
  virtual SharedMeter* of(const std::string& tenant) = 0;
};

}  // namespace fairlead::hub
