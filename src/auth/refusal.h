#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace fairlead::auth {

/// Why somebody was not let in, for counting. What the peer is told stands in the error beside it.
enum class Refusal : std::uint8_t {
  /// No compact JWS, or it needs something that is not understood.
  kMalformed,
  /// `alg` is not taken, or not that of the key.
  kAlgorithm,
  kUnknownKey,
  kSignature,
  /// A claim is missing, of the wrong form or for somebody else.
  kClaims,
  /// Expired, or not valid yet.
  kTime,
  kRevoked,
  /// The key may be one that could not be fetched yet.
  kKeysUnavailable,
  /// Too many tokens waited to be checked.
  kBusy,
  /// Too many failures from that address: the token was not looked at.
  kTooMany,
};

/// Indexed by `Refusal`; the label of the metric.
inline constexpr std::array<std::string_view, 10> kRefusalNames = {
    "malformed", "algorithm", "unknown_key",      "signature", "claims",
    "time",      "revoked",   "keys_unavailable", "busy",      "too_many",
};
inline constexpr std::size_t kRefusalCount = kRefusalNames.size();
static_assert(kRefusalCount == static_cast<std::size_t>(Refusal::kTooMany) + 1);

/// An error of authentication, and its kind.
struct Refused : Error {
  Refusal reason = Refusal::kMalformed;

  friend bool operator==(const Refused&, const Refused&) = default;
};

template <typename T>
using Verdict = std::expected<T, Refused>;

/// What the hub could not judge for want of a key or of time says nothing about the token; nor does
/// a refusal to look at it.
constexpr bool is_failure(Refusal reason) {
  return reason != Refusal::kKeysUnavailable && reason != Refusal::kBusy &&
         reason != Refusal::kTooMany;
}

[[nodiscard]] inline std::unexpected<Refused> refuse(Refusal reason, Error error) {
  Refused refused;
  static_cast<Error&>(refused) = std::move(error);
  refused.reason = reason;
  return std::unexpected(std::move(refused));
}

}  // namespace fairlead::auth
