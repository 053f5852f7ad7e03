#pragma once

#include "base/clock.h"

namespace fairlead {

/// Time as of the last tick(): what happens within one turn of a loop happens at one moment, and to
/// ask for it costs nothing. Thread: the loop's.
class TurnClock final : public Clock {
 public:
  /// `clock` outlives it.
  explicit TurnClock(const Clock& clock) : clock_(clock) { tick(); }

  void tick() {
    now_ms_ = clock_.now_ms();
    steady_ms_ = clock_.steady_ms();
  }
  std::int64_t now_ms() const override { return now_ms_; }
  std::int64_t steady_ms() const override { return steady_ms_; }

 private:
  const Clock& clock_;
  std::int64_t now_ms_ = 0;
  std::int64_t steady_ms_ = 0;
};

}  // namespace fairlead
