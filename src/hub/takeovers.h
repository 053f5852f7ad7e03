#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hub/settings.h"

namespace fairlead::hub {

/// Notices two holders of one identity that keep throwing each other out. One per device that has
/// seen a takeover; times are steady ms.
class Takeovers {
 public:
  /// A connection replaces another. False: once too often; both are to be sent away.
  bool allow(std::int64_t now_ms) {
    std::erase_if(times_,
                  [now_ms](std::int64_t time) { return now_ms - time >= kTakeoverWindowMs; });
    times_.push_back(now_ms);
    if (times_.size() <= kMaxTakeovers) return true;
    times_.clear();
    refused_until_ms_ = now_ms + kTakeoverPenaltyMs;
    return false;
  }

  /// How long the identity is still refused; 0: it is not.
  std::int64_t refused_for_ms(std::int64_t now_ms) const {
    return std::max<std::int64_t>(0, refused_until_ms_ - now_ms);
  }

  /// Nothing to remember any more.
  bool is_quiet(std::int64_t now_ms) const {
    return refused_for_ms(now_ms) == 0 &&
           (times_.empty() || now_ms - times_.back() >= kTakeoverWindowMs);
  }

 private:
  std::vector<std::int64_t> times_;
  std::int64_t refused_until_ms_ = 0;
};

}  // namespace fairlead::hub
