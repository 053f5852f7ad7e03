#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "net/http_limits.h"

namespace fairlead::net {

/// Why the codec itself answers a request, and with what.
struct HttpRefusal {
  int status = 400;
  /// For a person; plain ASCII without quotes or backslashes.
  std::string detail;
};

/// Collects the head of a request and refuses, octet by octet, what no head contains: line ends
/// other than CRLF, control characters, too much of anything.
class HeadScanner {
 public:
  enum class Outcome : std::uint8_t { kNeedMore, kWhole, kRefused };

  explicit HeadScanner(const HttpLimits& limits) : limits_(limits) {}

  /// Takes octets off the front of `input`, at most up to the head's end.
  Outcome take(std::string_view& input);
  /// The head so far; when whole, with the empty line at its end.
  std::string_view head() const { return head_; }
  const HttpRefusal& refusal() const { return refusal_; }
  bool is_empty() const { return head_.empty(); }
  void reset();

 private:
  bool is_allowed(char octet);
  bool end_line();
  bool is_within_bounds();
  bool refuse(int status, std::string_view detail);

  const HttpLimits& limits_;
  std::string head_;
  HttpRefusal refusal_;
  std::size_t line_begin_ = 0;
  /// Where the header lines begin; 0 while the request line is not complete.
  std::size_t fields_begin_ = 0;
  std::size_t lines_ = 0;
  int empty_lines_ = 0;
  bool is_whole_ = false;
};

/// What the framing of a request depends on.
struct HeadFacts {
  bool is_http_11 = false;
  bool keeps_alive = false;
  bool expects_continue = false;
  bool is_chunked = false;
  std::uint64_t content_length = 0;
};

/// Checks a request line without its CRLF (RFC 9112, 3).
std::expected<void, HttpRefusal> check_request_line(std::string_view line);

/// Checks a whole head more strictly than Beast does (RFC 9112): one length, one Host, no folding,
/// only `chunked`, an Expect that we know. `head` passed a HeadScanner.
std::expected<HeadFacts, HttpRefusal> check_head(std::string_view head, const HttpLimits& limits);

}  // namespace fairlead::net
