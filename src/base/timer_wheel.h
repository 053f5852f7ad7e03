#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace fairlead {

/// Timers by the thousand at a cost that does not grow with their number: a ring of slots, one a
/// tick. A timer carries a key; whoever set it decides, when it fires, whether it still matters.
/// Fires up to one tick late, never early. Memory: that of the most timers there ever were at once.
/// Not thread-safe.
template <typename Key>
class TimerWheel {
 public:
  static constexpr std::int64_t kTickMs = 16;

  explicit TimerWheel(std::int64_t now_ms) : slots_(kSlots, kNone), tick_(now_ms / kTickMs) {}

  void set(std::int64_t due_ms, Key key) {
    const std::int64_t due_tick = std::max(due_ms / kTickMs + 1, tick_ + 1);
    const std::size_t at = slot_of(due_tick);
    const std::uint32_t place = take_place();
    timers_[place] = {.key = std::move(key), .due_tick = due_tick, .next = slots_[at]};
    slots_[at] = place;
    occupied_[at / kBits] |= bit_of(at);
    ++size_;
  }

  /// Calls `fire(key)` for all that are due, those of a tick in the order set. `fire` may set new
  /// ones.
  template <typename Fire>
  void advance(std::int64_t now_ms, Fire&& fire) {
    const std::int64_t now_tick = now_ms / kTickMs;
    // After a long stop one round over the ring sees every timer.
    tick_ = std::max(tick_, now_tick - static_cast<std::int64_t>(kSlots));
    while (tick_ < now_tick) {
      ++tick_;
      const std::size_t at = slot_of(tick_);
      if ((occupied_[at / kBits] & bit_of(at)) == 0) continue;
      take_due(at, now_tick);
      for (Key& key : due_) fire(key);
    }
  }

  /// When advance() is to be called next; a timer that is more than a round of the ring (65 s)
  /// ahead may ask for a call in which nothing fires. Nothing while there is no timer.
  std::optional<std::int64_t> next_due_ms() const {
    if (size_ == 0) return std::nullopt;
    const std::size_t from = slot_of(tick_ + 1);
    // The word that the search begins in comes once more at its end, with the bits before.
    for (std::size_t step = 0; step <= kWords; ++step) {
      const std::size_t word = (from / kBits + step) % kWords;
      std::uint64_t bits = occupied_[word];
      if (step == 0) bits &= ~std::uint64_t{0} << (from % kBits);
      if (bits == 0) continue;
      const std::size_t at = word * kBits + static_cast<std::size_t>(std::countr_zero(bits));
      const auto ahead = static_cast<std::int64_t>((at + kSlots - from) % kSlots);
      return (tick_ + 1 + ahead) * kTickMs;
    }
    return std::nullopt;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kSlots = 4096;
  static constexpr std::size_t kBits = 64;
  static constexpr std::size_t kWords = kSlots / kBits;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Timer {
    Key key;
    std::int64_t due_tick = 0;
    /// The next of its slot, or of the free places.
    std::uint32_t next = kNone;
  };

  static std::size_t slot_of(std::int64_t tick) { return static_cast<std::size_t>(tick) % kSlots; }
  static std::uint64_t bit_of(std::size_t slot) { return std::uint64_t{1} << (slot % kBits); }

  std::uint32_t take_place() {
    if (free_ == kNone) {
      timers_.emplace_back();
      return static_cast<std::uint32_t>(timers_.size() - 1);
    }
    return std::exchange(free_, timers_[free_].next);
  }

  void take_due(std::size_t at, std::int64_t now_tick) {
    due_.clear();
    std::uint32_t kept = kNone;
    for (std::uint32_t place = std::exchange(slots_[at], kNone); place != kNone;) {
      Timer& timer = timers_[place];
      const std::uint32_t next = timer.next;
      const bool is_due = timer.due_tick <= now_tick;
      if (is_due) due_.push_back(std::move(timer.key));
      timer.next = std::exchange(is_due ? free_ : kept, place);
      place = next;
    }
    size_ -= due_.size();
    // A slot's newest timer comes first. (Those kept change their order; they have a round to go.)
    std::ranges::reverse(due_);
    slots_[at] = kept;
    if (kept == kNone) occupied_[at / kBits] &= ~bit_of(at);
  }

  std::vector<std::uint32_t> slots_;
  std::array<std::uint64_t, kWords> occupied_{};
  std::deque<Timer> timers_;
  std::uint32_t free_ = kNone;
  std::vector<Key> due_;
  std::int64_t tick_;
  std::size_t size_ = 0;
};

}  // namespace fairlead
