#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "telemetry/repository.h"

namespace fairlead::store::sqlite {

/// Which places, in the order of (ts, offset), a telemetry::Range still asks for.
class TsWindow {
 public:
  explicit TsWindow(const telemetry::Range& range)
      : range_(range), start_(range.is_descending ? range.to_ts : range.from_ts, 0) {
    // Offsets begin at 1, so 0 stands before all samples of a time.
    if (!range.after) return;
    const std::pair after(range.after->ts, range.after->offset);
    start_ = range.is_descending ? std::min(start_, after) : std::max(start_, after);
  }

  /// Everything wanted comes behind this in the order asked for.
  telemetry::Position start() const { return {.ts = start_.first, .offset = start_.second}; }
  /// Nothing below is wanted.
  std::int64_t low_ts() const { return range_.is_descending ? range_.from_ts : start_.first; }
  /// Nothing above is wanted.
  std::int64_t high_ts() const { return range_.is_descending ? start_.first : range_.to_ts; }

  bool holds(const telemetry::Position& place) const {
    const std::pair at(place.ts, place.offset);
    if (range_.is_descending) return at < start_ && place.ts >= range_.from_ts;
    return at > start_ && place.ts < range_.to_ts;
  }
  /// Whether `one` comes first in the order asked for.
  bool is_before(const telemetry::Position& one, const telemetry::Position& other) const {
    const std::pair left(one.ts, one.offset);
    const std::pair right(other.ts, other.offset);
    return range_.is_descending ? right < left : left < right;
  }

 private:
  const telemetry::Range& range_;
  std::pair<std::int64_t, std::int64_t> start_;
};

}  // namespace fairlead::store::sqlite
