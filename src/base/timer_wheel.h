#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace fairlead {

/// Timers by the thousand at a cost that does not grow with their number: a ring of slots, one a
/// tick. A timer carries a key; whoever set it decides, when it fires, whether it still matters.
/// Fires up to one tick late, never early. Not thread-safe.
template <typename Key>
class TimerWheel {
 public:
  static constexpr std::int64_t kTickMs = 16;

  explicit TimerWheel(std::int64_t now_ms) : slots_(kSlots), tick_(now_ms / kTickMs) {}

  void set(std::int64_t due_ms, Key key) {
    const std::int64_t due_tick = std::max(due_ms / kTickMs + 1, tick_ + 1);
    slot(due_tick).push_back({due_tick, std::move(key)});
    ++size_;
  }

  /// Calls `fire(key)` for all that are due. `fire` may set new ones.
  template <typename Fire>
  void advance(std::int64_t now_ms, Fire&& fire) {
    const std::int64_t now_tick = now_ms / kTickMs;
    // After a long stop one round over the ring sees every timer.
    if (now_tick - tick_ > static_cast<std::int64_t>(kSlots)) {
      tick_ = now_tick - static_cast<std::int64_t>(kSlots);
    }
    while (tick_ < now_tick) {
      ++tick_;
      due_.clear();
      take_due(slot(tick_), now_tick);
      for (Key& key : due_) fire(key);
    }
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlots = 4096;
  struct Timer {
    std::int64_t due_tick = 0;
    Key key;
  };

  std::vector<Timer>& slot(std::int64_t tick) {
    return slots_[static_cast<std::size_t>(tick) % kSlots];
  }

  void take_due(std::vector<Timer>& timers, std::int64_t now_tick) {
    std::size_t kept = 0;
    for (Timer& timer : timers) {
      if (timer.due_tick <= now_tick) {
        due_.push_back(std::move(timer.key));
      } else {
        if (&timers[kept] != &timer) timers[kept] = std::move(timer);
        ++kept;
      }
    }
    size_ -= timers.size() - kept;
    timers.resize(kept);
  }

  std::vector<std::vector<Timer>> slots_;
  std::vector<Key> due_;
  std::int64_t tick_;
  std::size_t size_ = 0;
};

}  // namespace fairlead
