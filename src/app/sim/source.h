#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/sim/moment.h"

namespace fairlead::app::sim {

/// What a device measured at one time.
struct Reading {
  std::int64_t ts = 0;
  /// The `metrics` object as JSON.
  std::string metrics;
};

/// Where a device's readings come from.
class Source {
 public:
  virtual ~Source() = default;
  /// When the next reading is due, on the steady clock, us; kNever after the last one.
  virtual std::int64_t due_us() const = 0;
  /// The reading that is due at `now`, and on to the next; nothing when none is due.
  virtual std::optional<Reading> take(const Moment& now) = 0;
  /// Whether readings wait until they are taken (recorded ones); else one not taken is lost.
  virtual bool waits() const = 0;
  /// A command moved the metric to `value`; sources that cannot be moved ignore it.
  virtual void move(std::string_view metric, double value, const Moment& now) = 0;
};

}  // namespace fairlead::app::sim
