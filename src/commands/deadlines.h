#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/assert.h"

namespace fairlead::commands {

/// A moment in somebody's future; a base of what waits for it. Stays where it is while armed.
class Timer {
 public:
  enum class Kind : std::uint8_t { kCommand, kWait };

  explicit Timer(Kind kind) : kind_(kind) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  Kind kind() const { return kind_; }
  bool is_armed() const { return place_ != kNowhere; }

 private:
  friend class Deadlines;
  static constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

  std::int64_t at_ = 0;
  std::uint32_t place_ = kNowhere;
  Kind kind_;
};

/// Armed timers by time: a binary heap whose members know their place, so that one is taken out in
/// O(log n) and nothing dead stays behind. Owns no timer.
class Deadlines {
 public:
  /// Arms, or moves when it is armed.
  void arm(Timer& timer, std::int64_t at);
  void disarm(Timer& timer);
  std::optional<std::int64_t> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front()->at_;
  }
  /// Takes out the earliest timer at or before `now`; null when none is due.
  Timer* take_due(std::int64_t now);
  std::size_t size() const { return heap_.size(); }
  /// Those of a kind that are armed, in no order.
  std::vector<Timer*> all(Timer::Kind kind) const {
    std::vector<Timer*> found;
    for (Timer* const timer : heap_) {
      if (timer->kind() == kind) found.push_back(timer);
    }
    return found;
  }

 private:
  void put(std::size_t place, Timer* timer) {
    heap_[place] = timer;
    timer->place_ = static_cast<std::uint32_t>(place);
  }
  void rise(std::size_t place);
  void sink(std::size_t place);

  std::vector<Timer*> heap_;
};

}  // namespace fairlead::commands
