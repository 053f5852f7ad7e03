#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

namespace fairlead::support {

using Milliseconds = std::chrono::milliseconds;

/// How long a test waits for something that must come. Passing it is a failure, never a way to
/// find out that nothing comes, so it is generous: sanitizers and busy machines are slow.
inline constexpr Milliseconds kPatience{10'000};

/// A moment by which something must have happened.
class Deadline {
 public:
  explicit Deadline(Milliseconds from_now = kPatience)
      : at_(std::chrono::steady_clock::now() + from_now) {}

  bool passed() const { return std::chrono::steady_clock::now() >= at_; }

  /// What poll(2) wants: never negative, rounded up.
  int left_ms() const {
    const auto left = std::chrono::ceil<Milliseconds>(at_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<Milliseconds::rep>(left.count(), 0));
  }

 private:
  std::chrono::steady_clock::time_point at_;
};

/// Asks until the answer is true, for what no event tells of; false when it never was in time. The
/// pause between two questions keeps a client that asks below its rate.
template <class Question>
bool eventually(Question question) {
  const Deadline deadline;
  while (!question()) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(Milliseconds{10});
  }
  return true;
}

/// Now as the protocol tells it: milliseconds since the Unix epoch.
inline std::int64_t now_ms() {
  return std::chrono::duration_cast<Milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace fairlead::support
