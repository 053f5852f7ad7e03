#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stop_token>
#include <utility>

namespace fairlead::net {

/// How long a thread that may block still will: until a moment, and not beyond a request to stop,
/// which is seen within kSliceMs.
class Patience {
 public:
  Patience(std::int64_t timeout_ms, std::stop_token stop)
      : until_(Clock::now() + std::chrono::milliseconds(timeout_ms)), stop_(std::move(stop)) {}

  bool is_over() const { return stop_.stop_requested() || Clock::now() >= until_; }
  /// How long to wait before asking again.
  int slice_ms() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, kSliceMs));
  }

  static constexpr std::int64_t kSliceMs = 50;

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point until_;
  std::stop_token stop_;
};

}  // namespace fairlead::net
