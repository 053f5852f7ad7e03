#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/result.h"

namespace fairlead::protocol {

/// What a code of an error means outside: on the wire, over HTTP, for the row of bad messages.
struct CodeInfo {
  Code code;
  std::string_view wire_name;
  int http_status;
  /// The status's own phrase (RFC 9110), as RFC 9457 asks for with the type `about:blank`.
  std::string_view title;
  /// Whether it counts towards kMaxBadInARow.
  bool counts_as_bad;
};

inline constexpr std::array<CodeInfo, 13> kCodes = {{
    {Code::kBadMessage, "bad_message", 400, "Bad Request", true},
    {Code::kUnknownType, "unknown_type", 400, "Bad Request", true},
    {Code::kInvalid, "invalid", 400, "Bad Request", true},
    {Code::kUnauthenticated, "unauthenticated", 401, "Unauthorized", false},
    {Code::kForbidden, "forbidden", 403, "Forbidden", false},
    {Code::kNotFound, "not_found", 404, "Not Found", false},
    {Code::kConflict, "conflict", 409, "Conflict", false},
    {Code::kTooLarge, "too_large", 413, "Content Too Large", false},
    {Code::kRateLimited, "rate_limited", 429, "Too Many Requests", false},
    {Code::kQueueFull, "queue_full", 409, "Conflict", false},
    {Code::kDeviceOffline, "device_offline", 409, "Conflict", false},
    {Code::kOverloaded, "overloaded", 503, "Service Unavailable", false},
    {Code::kInternal, "internal", 500, "Internal Server Error", false},
}};

consteval bool codes_stand_at_their_index() {
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    if (static_cast<std::size_t>(kCodes[i].code) != i) return false;
  }
  return true;
}
static_assert(codes_stand_at_their_index());

constexpr const CodeInfo& info(Code code) { return kCodes[static_cast<std::size_t>(code)]; }
constexpr std::string_view wire_name(Code code) { return info(code).wire_name; }
constexpr int http_status(Code code) { return info(code).http_status; }
constexpr bool counts_as_bad(Code code) { return info(code).counts_as_bad; }

/// Close codes of RFC 6455 (7.4.1) that the hub uses, and its own.
enum class CloseCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kWrongKind = 1003,
  /// Never sent: stands in logs for a socket that was lost.
  kLost = 1006,
  kNotUtf8 = 1007,
  kTooBig = 1009,
  kInternal = 1011,
  kRestart = 1012,
  kOverloaded = 1013,
  kBadMessages = 4400,
  kUnauthenticated = 4401,
  kForbidden = 4403,
  kNoSignOfLife = 4408,
  kReplaced = 4409,
  kTooSlow = 4410,
  kOverRate = 4429,
};

/// Whether the peer should connect again.
enum class ComeBack : std::uint8_t {
  kAsYouLike,
  kNo,
  kWithBackoff,
  /// After the `retry_after_ms` of the error that came before.
  kAfterRetryMs,
  kWithFreshToken,
};

struct CloseInfo {
  CloseCode code;
  /// The reason sent when no better one is known; at most 123 bytes fit in the frame.
  std::string_view name;
  ComeBack come_back;
};

inline constexpr std::array<CloseInfo, 17> kCloses = {{
    {CloseCode::kNormal, "normal", ComeBack::kAsYouLike},
    {CloseCode::kGoingAway, "going away", ComeBack::kAsYouLike},
    {CloseCode::kProtocolError, "protocol error", ComeBack::kNo},
    {CloseCode::kWrongKind, "frame of the other kind", ComeBack::kNo},
    {CloseCode::kLost, "connection lost", ComeBack::kWithBackoff},
    {CloseCode::kNotUtf8, "not UTF-8", ComeBack::kNo},
    {CloseCode::kTooBig, "message too big", ComeBack::kNo},
    {CloseCode::kInternal, "internal error", ComeBack::kWithBackoff},
    {CloseCode::kRestart, "restart", ComeBack::kAfterRetryMs},
    {CloseCode::kOverloaded, "overloaded", ComeBack::kAfterRetryMs},
    {CloseCode::kBadMessages, "too many bad messages", ComeBack::kNo},
    {CloseCode::kUnauthenticated, "unauthenticated", ComeBack::kWithFreshToken},
    {CloseCode::kForbidden, "not permitted", ComeBack::kNo},
    {CloseCode::kNoSignOfLife, "heartbeat timeout", ComeBack::kWithBackoff},
    {CloseCode::kReplaced, "replaced by a newer connection", ComeBack::kNo},
    {CloseCode::kTooSlow, "too slow to read", ComeBack::kWithBackoff},
    {CloseCode::kOverRate, "over the rate", ComeBack::kAfterRetryMs},
}};

constexpr const CloseInfo& info(CloseCode code) {
  const CloseInfo* found = nullptr;
  for (const CloseInfo& row : kCloses) {
    if (row.code == code) found = &row;
  }
  FAIRLEAD_ASSERT(found != nullptr);
  return *found;
}
constexpr std::string_view close_name(CloseCode code) { return info(code).name; }

}  // namespace fairlead::protocol
