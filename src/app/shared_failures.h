#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "auth/failures.h"
#include "base/clock.h"
#include "net/address.h"

namespace fairlead::app {

/// The one table of failed authentications of all shards. A connect asks it: while it is empty,
/// which is the rule, that takes no lock.
class SharedFailures final : public auth::FailureLimit {
 public:
  /// `per_minute` at least 1.
  SharedFailures(std::int64_t per_minute, const Clock& clock)
      : clock_(clock), failures_(per_minute) {}

  std::int64_t wait_ms(std::string_view remote) override {
    if (!has_any_.load(std::memory_order_relaxed)) return 0;
    const std::scoped_lock lock(mutex_);
    return failures_.wait_ms(net::counted_address(remote), clock_.steady_ms());
  }

  void count(std::string_view remote) override {
    const std::scoped_lock lock(mutex_);
    failures_.count(net::counted_address(remote), clock_.steady_ms());
    has_any_.store(true, std::memory_order_relaxed);
  }

 private:
  const Clock& clock_;
  std::atomic<bool> has_any_ = false;
  std::mutex mutex_;
  auth::Failures failures_;
};

}  // namespace fairlead::app
