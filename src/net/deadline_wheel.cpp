#include "net/deadline_wheel.h"

#include <algorithm>

namespace fairlead::net {

void DeadlineWheel::set(Pollable& pollable, std::int64_t at_ms) {
  pollable.deadline_hook_.unlink();
  pollable.deadline_ms_ = at_ms;
  if (at_ms == 0) return;
  slot(std::max(at_ms / kSlotMs, turn_)).push_back(pollable);
  next_ms_ = std::min(next_ms_.value_or(at_ms), at_ms);
}

void DeadlineWheel::collect(std::int64_t now_ms) {
  const std::int64_t now_turn = now_ms / kSlotMs;
  // After a long stop one round over the ring sees everything.
  turn_ = std::max(turn_, now_turn - kSlots + 1);
  for (std::int64_t turn = turn_; turn <= now_turn; ++turn) {
    List& list = slot(turn);
    for (auto each = list.begin(); each != list.end();) {
      Pollable& pollable = *each;
      ++each;
      if (pollable.deadline_ms_ > now_ms) continue;
      pollable.deadline_hook_.unlink();
      due_.push_back(pollable);
    }
  }
  turn_ = now_turn;
}

void DeadlineWheel::look_ahead() {
  next_ms_.reset();
  bool has_later_round = false;
  for (std::int64_t turn = turn_; turn < turn_ + kSlots && !next_ms_; ++turn) {
    for (const Pollable& pollable : slot(turn)) {
      const std::int64_t at_ms = pollable.deadline_ms_;
      if (at_ms / kSlotMs > turn) {
        has_later_round = true;
      } else {
        next_ms_ = std::min(next_ms_.value_or(at_ms), at_ms);
      }
    }
  }
  // Whoever has more than a round to go is looked at again after one.
  if (!next_ms_ && has_later_round) next_ms_ = (turn_ + kSlots - 1) * kSlotMs;
}

}  // namespace fairlead::net
