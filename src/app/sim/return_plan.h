#pragma once

#include <cstdint>
#include <optional>

#include "base/random.h"

namespace fairlead::app::sim {

/// What to do after a connection has ended.
struct Return {
  enum class Verdict : std::uint8_t {
    kComeBack,
    /// Stay away, as protocol section 2 says, and nobody is to blame.
    kStayAway,
    /// Stay away: the hub says that this program breaks the protocol.
    kAccused,
  };
  Verdict verdict = Verdict::kComeBack;
  std::int64_t wait_us = 0;
};

/// Decides whether and when a device comes back: by the close code or the HTTP status, with waits
/// that double up to 30 s, spread at random, unless the hub names one.
class ReturnPlan {
 public:
  /// After a WebSocket that ended with `code`; `retry_after_ms` of the error before it, if any.
  Return after_close(std::uint16_t code, std::optional<std::int64_t> retry_after_ms,
                     Random& random);
  /// After a handshake that failed; `status` 0: not even HTTP came back.
  Return after_refusal(int status, std::optional<std::int64_t> retry_after_ms, Random& random);
  /// The hub has welcomed the device.
  void welcomed() { *this = ReturnPlan{}; }

 private:
  Return come_back(std::optional<std::int64_t> retry_after_ms, Random& random);
  Return after_bad_token(Random& random);

  int failures_ = 0;
  int bad_tokens_ = 0;
};

}  // namespace fairlead::app::sim
