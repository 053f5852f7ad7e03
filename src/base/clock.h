#pragma once

#include <chrono>
#include <cstdint>

namespace fairlead {

/// Port to time. Milliseconds everywhere.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall clock, ms since the Unix epoch; may jump.
  virtual std::int64_t now_ms() const = 0;
  /// Monotonic, ms since an arbitrary start; for durations and timers.
  virtual std::int64_t steady_ms() const = 0;
};

/// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  std::int64_t now_ms() const override {
    return to_ms(std::chrono::system_clock::now().time_since_epoch());
  }
  std::int64_t steady_ms() const override {
    return to_ms(std::chrono::steady_clock::now().time_since_epoch());
  }

 private:
  template <typename Duration>
  static std::int64_t to_ms(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  }
};

}  // namespace fairlead
