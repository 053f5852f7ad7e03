#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/http_head.h"

namespace fairlead::net {

/// What an answer must know of its request and its connection.
struct ResponseFraming {
  bool is_http_11 = true;
  /// The connection stays open behind this answer.
  bool keeps_alive = true;
  /// How the peer finds the end of the body (RFC 9112, 6.3).
  enum class Body : std::uint8_t { kLength, kChunked, kToTheEnd };
  Body body = Body::kLength;
  /// HEAD: the length is told, the body is not sent (RFC 9110, 9.3.2).
  bool is_head = false;
};

/// The RFC 9110 reason phrase; empty for a status that has none.
std::string_view reason_phrase(int status);

/// Status line and header, with the empty line: Content-Length, Date and Connection are the
/// codec's own, whatever `response` says of them. `date` is an IMF-fixdate.
std::string write_head(const HttpResponse& response, const ResponseFraming& framing,
                       std::string_view date);

/// Whether a handler asks for the connection to end behind this answer.
bool says_close(const HttpResponse& response);

/// A piece of a body in chunked coding (RFC 9112, 7.1); not empty: that would be the end.
std::string write_chunk(std::string_view piece);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// Whether a body follows the head.
bool has_body(const HttpResponse& response, const ResponseFraming& framing);

/// The codec's own answers: RFC 9457 problem documents with the codes of the protocol.
HttpResponse problem_response(const HttpRefusal& refusal);

/// `Tue, 15 Nov 1994 08:12:31 GMT` (RFC 9110, 5.6.7), from ms since the Unix epoch.
std::string http_date(std::int64_t now_ms);

}  // namespace fairlead::net
