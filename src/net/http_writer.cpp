#include "net/http_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "net/tokens.h"

namespace fairlead::net {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};

constexpr std::array kPhrases = {
    Phrase{100, "Continue"},
    Phrase{101, "Switching Protocols"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{204, "No Content"},
    Phrase{206, "Partial Content"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{417, "Expectation Failed"},
    Phrase{422, "Unprocessable Content"},
    Phrase{426, "Upgrade Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{503, "Service Unavailable"},
    Phrase{505, "HTTP Version Not Supported"},
};

/// The names of protocol section 2, as section 8 pairs them with statuses.
std::string_view problem_code(int status) {
  switch (status) {
    case 413:
    case 414:
    case 431:
      return "too_large";
    case 429:
      return "rate_limited";
    case 503:
      return "overloaded";
    case 500:
      return "internal";
    default:
      return "bad_message";
  }
}

bool is_ours(std::string_view name) {
  return equals_ignoring_case(name, "content-length") || equals_ignoring_case(name, "date") ||
         equals_ignoring_case(name, "connection") ||
         equals_ignoring_case(name, "transfer-encoding");
}

/// RFC 9110, 6.4.1 and 8.6: these have no body and no length.
bool is_bare(int status) { return status < 200 || status == 204 || status == 304; }

/// A line break in a value would let what a peer sent write headers of its own.
std::string one_line(std::string_view value) {
  std::string line(value);
  std::ranges::replace_if(line, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return line;
}

}  // namespace

std::string_view reason_phrase(int status) {
  const auto found = std::ranges::find(kPhrases, status, &Phrase::status);
  return found == kPhrases.end() ? std::string_view{} : found->text;
}

bool has_body(const HttpResponse& response, const ResponseFraming& framing) {
  return !framing.is_head && !is_bare(response.status) && !response.body.empty();
}

std::string write_head(const HttpResponse& response, const ResponseFraming& framing,
                       std::string_view date) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  for (const auto& [name, value] : response.headers) {
    if (!is_ours(name))
      fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, one_line(value));
  }
  if (framing.body == ResponseFraming::Body::kChunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (framing.body == ResponseFraming::Body::kLength && !is_bare(response.status)) {
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", response.body.size());
  }
  if (response.status >= 200) fmt::format_to(std::back_inserter(head), "Date: {}\r\n", date);
  if (!framing.keeps_alive) {
    head += "Connection: close\r\n";
  } else if (!framing.is_http_11) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

bool says_close(const HttpResponse& response) {
  return std::ranges::any_of(response.headers, [](const auto& header) {
    return equals_ignoring_case(header.first, "connection") && list_has(header.second, "close");
  });
}

std::string write_chunk(std::string_view piece) {
  return fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
}

HttpResponse problem_response(const HttpRefusal& refusal) {
  HttpResponse response{.status = refusal.status, .headers = {}, .body = {}};
  response.headers.emplace_back("Content-Type", "application/problem+json");
  if (refusal.status == 426) {
    // RFC 6455, 4.4, and RFC 9110, 15.5.22.
    response.headers.emplace_back("Sec-WebSocket-Version", "13");
    response.headers.emplace_back("Upgrade", "websocket");
  }
  if (refusal.status == 503 || refusal.status == 429)
    response.headers.emplace_back("Retry-After", "1");
  response.body = fmt::format(
      R"({{"type":"about:blank","title":"{}","status":{},"detail":"{}","code":"{}"}})",
      reason_phrase(refusal.status), refusal.status, refusal.detail, problem_code(refusal.status));
  return response;
}

std::string http_date(std::int64_t now_ms) {
  using std::chrono::floor;
  static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                            "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_time<std::chrono::milliseconds> now{std::chrono::milliseconds(now_ms)};
  const auto day = floor<std::chrono::days>(now);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{floor<std::chrono::seconds>(now - day)};
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
      static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
      time.seconds().count());
}

}  // namespace fairlead::net
