#include "protocol/codes.h"

#include <doctest/doctest.h>

#include <set>

namespace fairlead::protocol {

TEST_CASE("codes have the names and statuses of the protocol") {
  CHECK(wire_name(Code::kBadMessage) == "bad_message");
  CHECK(wire_name(Code::kInternal) == "internal");
  CHECK(http_status(Code::kBadMessage) == 400);
  CHECK(http_status(Code::kUnknownType) == 400);
  CHECK(http_status(Code::kInvalid) == 400);
  CHECK(http_status(Code::kUnauthenticated) == 401);
  CHECK(http_status(Code::kForbidden) == 403);
  CHECK(http_status(Code::kNotFound) == 404);
  CHECK(http_status(Code::kConflict) == 409);
  CHECK(http_status(Code::kDeviceOffline) == 409);
  CHECK(http_status(Code::kQueueFull) == 409);
  CHECK(http_status(Code::kTooLarge) == 413);
  CHECK(http_status(Code::kRateLimited) == 429);
  CHECK(http_status(Code::kOverloaded) == 503);
  CHECK(http_status(Code::kInternal) == 500);
}

TEST_CASE("only bad messages, unknown types and invalid requests count as bad") {
  std::set<Code> bad;
  for (const CodeInfo& row : kCodes) {
    if (row.counts_as_bad) bad.insert(row.code);
  }
  CHECK(bad == std::set{Code::kBadMessage, Code::kUnknownType, Code::kInvalid});
}

TEST_CASE("close codes say whether to come back") {
  CHECK(info(CloseCode::kNormal).come_back == ComeBack::kAsYouLike);
  CHECK(info(CloseCode::kReplaced).come_back == ComeBack::kNo);
  CHECK(info(CloseCode::kUnauthenticated).come_back == ComeBack::kWithFreshToken);
  CHECK(info(CloseCode::kRestart).come_back == ComeBack::kAfterRetryMs);
  CHECK(info(CloseCode::kTooSlow).come_back == ComeBack::kWithBackoff);
  CHECK(close_name(CloseCode::kNoSignOfLife) == "heartbeat timeout");
  CHECK(static_cast<int>(CloseCode::kOverRate) == 4429);
  for (const CloseInfo& row : kCloses) CHECK(row.name.size() <= 123);
}

}  // namespace fairlead::protocol
