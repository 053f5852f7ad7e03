#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "net/pollable.h"

namespace fairlead::net {

/// The deadlines of pollables, at most one each: a ring of lists that go through the pollables
/// themselves, so that setting, moving and calling off cost no memory. Exact to the millisecond.
/// Not thread-safe; knows no clock.
class DeadlineWheel {
 public:
  explicit DeadlineWheel(std::int64_t now_ms) : slots_(kSlots), turn_(now_ms / kSlotMs) {}

  /// 0 calls it off. A pollable that is destroyed takes its deadline along.
  void set(Pollable& pollable, std::int64_t at_ms);
  /// Nothing is due before; it may be that nothing is due then either.
  std::optional<std::int64_t> next_ms() const { return next_ms_; }
  /// Calls `fire(pollable)` for each whose deadline has come, and which has none then. What `fire`
  /// sets waits for the next call.
  template <typename Fire>
  void run_due(std::int64_t now_ms, Fire&& fire) {
    if (!next_ms_ || now_ms < *next_ms_) return;
    collect(now_ms);
    look_ahead();
    while (!due_.empty()) {
      Pollable& pollable = due_.front();
      set(pollable, 0);
      fire(pollable);
    }
  }

 private:
  static constexpr std::int64_t kSlotMs = 16;
  static constexpr std::int64_t kSlots = 4096;

  using List = boost::intrusive::list<
      Pollable, boost::intrusive::member_hook<Pollable, Pollable::Hook, &Pollable::deadline_hook_>,
      boost::intrusive::constant_time_size<false>>;

  List& slot(std::int64_t turn) { return slots_[static_cast<std::size_t>(turn % kSlots)]; }
  /// Moves what is due to `due_`.
  void collect(std::int64_t now_ms);
  void look_ahead();

  std::vector<List> slots_;
  List due_;
  /// Time in slots: the slots before it hold nothing of the round of the ring that begins here.
  std::int64_t turn_;
  std::optional<std::int64_t> next_ms_;
};

}  // namespace fairlead::net
