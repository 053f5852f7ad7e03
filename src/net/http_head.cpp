#include "net/http_head.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "net/tokens.h"

namespace fairlead::net {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
/// RFC 9112, 2.2 asks for tolerance of at least one empty line before a request.
constexpr int kMaxEmptyLines = 4;
constexpr std::size_t kMaxMethodBytes = 32;
/// A method, two spaces and the version stand beside the target.
constexpr std::size_t kBesideTarget = kMaxMethodBytes + 16;

std::unexpected<HttpRefusal> refused(int status, std::string_view detail) {
  return std::unexpected(HttpRefusal{.status = status, .detail = std::string(detail)});
}

bool is_digit(char character) { return character >= '0' && character <= '9'; }

bool is_hex(char character) {
  const char lower = static_cast<char>(character | 0x20);
  return is_digit(character) || (lower >= 'a' && lower <= 'f');
}

/// RFC 3986 allows fewer characters, but browsers send `|`, `[` and the like as they are.
bool is_target_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char character = text[i];
    if (character <= ' ' || character > '~') return false;
    if (std::string_view("\"#<>\\").contains(character)) return false;
    if (character != '%') continue;
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
  }
  return true;
}

/// host [":" port] (RFC 3986, 3.2) without user and with a host; a list would be two hosts to some.
bool is_authority(std::string_view text) {
  if (!is_target_text(text)) return false;
  const bool is_literal = text.starts_with('[');
  const std::size_t literal_end = text.find(']');
  if (is_literal && literal_end == std::string_view::npos) return false;
  const std::size_t host_end = is_literal ? literal_end + 1 : std::min(text.find(':'), text.size());
  const std::string_view host = text.substr(0, host_end);
  const std::string_view port = text.substr(host_end);
  if (!port.empty() && (port.front() != ':' || !std::ranges::all_of(port.substr(1), is_digit))) {
    return false;
  }
  if (is_literal) {
    const std::string_view address = host.substr(1, host.size() - 2);
    return !address.empty() &&
           std::ranges::all_of(address, [](char c) { return is_hex(c) || c == ':' || c == '.'; });
  }
  return !host.empty() && host.find_first_of("/?@,;|^`{}[]") == std::string_view::npos;
}

/// Origin form and absolute form (RFC 9112, 3.2), and `*` for OPTIONS; we are no tunnel, so the
/// authority form means nothing here.
bool is_target(std::string_view target, std::string_view method) {
  if (target == "*") return method == "OPTIONS";
  if (!is_target_text(target)) return false;
  if (target.front() == '/') return true;
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return false;
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) return false;
  const std::string_view rest = target.substr(scheme_end + 3);
  return is_authority(rest.substr(0, rest.find_first_of("/?")));
}

/// What the header lines say about framing, line by line.
class FieldCheck {
 public:
  explicit FieldCheck(bool is_http_11) { facts_.is_http_11 = is_http_11; }

  std::expected<void, HttpRefusal> take_line(std::string_view line);
  std::expected<HeadFacts, HttpRefusal> finish(const HttpLimits& limits);

 private:
  std::expected<void, HttpRefusal> take(std::string_view name, std::string_view value);
  std::expected<void, HttpRefusal> take_length(std::string_view value);
  static std::expected<void, HttpRefusal> refuse_encoding(std::string_view value);

  HeadFacts facts_;
  bool has_length_ = false;
  bool is_length_huge_ = false;
  bool has_host_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

std::expected<void, HttpRefusal> FieldCheck::take_line(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return refused(400, "folded header line");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refused(400, "header line without a colon");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return refused(400, "bad header name");
  return take(name, trim(line.substr(colon + 1)));
}

std::expected<void, HttpRefusal> FieldCheck::take_length(std::string_view value) {
  if (has_length_) return refused(400, "more than one Content-Length");
  if (value.empty() || !std::ranges::all_of(value, is_digit)) {
    return refused(400, "bad Content-Length");
  }
  const auto parsed =
      std::from_chars(value.data(), value.data() + value.size(), facts_.content_length);
  is_length_huge_ = parsed.ec != std::errc{};
  has_length_ = true;
  return {};
}

std::expected<void, HttpRefusal> FieldCheck::refuse_encoding(std::string_view value) {
  // RFC 9112, 6.1 and 6.3: where chunked is the last the length is known, and the rest is merely
  // not spoken here; else nobody knows where the request ends.
  const std::vector<std::string_view> codings = split_list(value);
  const bool is_framed = !codings.empty() && equals_ignoring_case(codings.back(), "chunked") &&
                         std::ranges::count_if(codings, [](auto coding) {
                           return equals_ignoring_case(coding, "chunked");
                         }) == 1;
  return is_framed ? refused(501, "a Transfer-Encoding other than chunked")
                   : refused(400, "a Transfer-Encoding that does not end with chunked");
}

std::expected<void, HttpRefusal> FieldCheck::take(std::string_view name, std::string_view value) {
  if (equals_ignoring_case(name, "content-length")) return take_length(value);
  if (equals_ignoring_case(name, "transfer-encoding")) {
    if (facts_.is_chunked) return refused(400, "more than one Transfer-Encoding");
    if (!equals_ignoring_case(value, "chunked")) return refuse_encoding(value);
    facts_.is_chunked = true;
  } else if (equals_ignoring_case(name, "host")) {
    if (has_host_) return refused(400, "more than one Host");
    if (!value.empty() && !is_authority(value)) return refused(400, "bad Host");
    has_host_ = true;
  } else if (equals_ignoring_case(name, "connection")) {
    says_close_ = says_close_ || list_has(value, "close");
    says_keep_alive_ = says_keep_alive_ || list_has(value, "keep-alive");
  } else if (equals_ignoring_case(name, "expect")) {
    if (!equals_ignoring_case(value, "100-continue")) return refused(417, "unknown expectation");
    facts_.expects_continue = true;
  }
  return {};
}

std::expected<HeadFacts, HttpRefusal> FieldCheck::finish(const HttpLimits& limits) {
  if (facts_.is_http_11 && !has_host_) return refused(400, "no Host");
  // RFC 9112, 6.1: both together, or chunks in HTTP/1.0, smell of request smuggling.
  if (facts_.is_chunked && (has_length_ || !facts_.is_http_11)) {
    return refused(400, "Transfer-Encoding where it may not be");
  }
  if (is_length_huge_ || facts_.content_length > limits.max_body_bytes) {
    return refused(413, "body too large");
  }
  // RFC 9112, 9.3.
  facts_.keeps_alive = !says_close_ && (facts_.is_http_11 || says_keep_alive_);
  // RFC 9110, 10.1.1: an expectation in HTTP/1.0 is ignored, and one without a body is moot.
  const bool has_body = facts_.is_chunked || facts_.content_length > 0;
  facts_.expects_continue = facts_.expects_continue && facts_.is_http_11 && has_body;
  return facts_;
}

}  // namespace

std::expected<void, HttpRefusal> check_request_line(std::string_view line) {
  const std::size_t method_end = line.find(' ');
  const std::size_t version_begin = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == version_begin) {
    return refused(400, "bad request line");
  }
  const std::string_view method = line.substr(0, method_end);
  if (!is_token(method) || method.size() > kMaxMethodBytes) return refused(400, "bad method");
  const std::string_view version = line.substr(version_begin + 1);
  const bool is_version = version.size() == 8 && version.starts_with("HTTP/") &&
                          is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
  if (!is_version) return refused(400, "bad HTTP version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return refused(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  const std::string_view target = line.substr(method_end + 1, version_begin - method_end - 1);
  if (target.empty() || !is_target(target, method)) return refused(400, "bad request target");
  return {};
}

std::expected<HeadFacts, HttpRefusal> check_head(std::string_view head, const HttpLimits& limits) {
  const std::size_t first_end = head.find(kLineEnd);
  const std::string_view request_line = head.substr(0, first_end);
  if (auto good = check_request_line(request_line); !good) return std::unexpected(good.error());
  FieldCheck check(request_line.ends_with("HTTP/1.1"));
  std::string_view rest = head.substr(first_end + kLineEnd.size());
  while (!rest.starts_with(kLineEnd)) {
    const std::size_t end = rest.find(kLineEnd);
    if (auto good = check.take_line(rest.substr(0, end)); !good) {
      return std::unexpected(good.error());
    }
    rest.remove_prefix(end + kLineEnd.size());
  }
  return check.finish(limits);
}

void HeadScanner::reset() {
  std::string().swap(head_);
  line_begin_ = 0;
  fields_begin_ = 0;
  lines_ = 0;
  empty_lines_ = 0;
  is_whole_ = false;
}

bool HeadScanner::refuse(int status, std::string_view detail) {
  refusal_ = {.status = status, .detail = std::string(detail)};
  return false;
}

bool HeadScanner::is_allowed(char octet) {
  const bool is_after_cr = head_.size() > line_begin_ && head_.back() == '\r';
  if (is_after_cr != (octet == '\n')) return refuse(400, "a line that does not end with CRLF");
  const bool is_control = (octet >= 0 && octet < ' ') || octet == 0x7F;
  if (is_control && octet != '\t' && octet != '\r' && octet != '\n') {
    return refuse(400, "control character in the head");
  }
  return true;
}

bool HeadScanner::is_within_bounds() {
  if (fields_begin_ == 0) {
    const bool fits = head_.size() <= limits_.max_target_bytes + kBesideTarget;
    return fits || refuse(414, "request target too long");
  }
  const bool fits = head_.size() - fields_begin_ <= limits_.max_header_bytes + kLineEnd.size();
  return fits || refuse(431, "header too large");
}

bool HeadScanner::end_line() {
  const std::size_t begin = line_begin_;
  const bool is_empty = head_.size() - begin == kLineEnd.size();
  line_begin_ = head_.size();
  if (fields_begin_ > 0) {
    is_whole_ = is_empty;
    return ++lines_ <= limits_.max_header_lines + 1 || refuse(431, "too many header lines");
  }
  if (is_empty) {
    head_.clear();
    line_begin_ = 0;
    return ++empty_lines_ <= kMaxEmptyLines || refuse(400, "no request line");
  }
  fields_begin_ = head_.size();
  const std::string_view line = head().substr(0, head_.size() - kLineEnd.size());
  auto good = check_request_line(line);
  if (good) return true;
  refusal_ = std::move(good.error());
  return false;
}

HeadScanner::Outcome HeadScanner::take(std::string_view& input) {
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (!is_allowed(input[i])) return Outcome::kRefused;
    head_.push_back(input[i]);
    if (!is_within_bounds()) return Outcome::kRefused;
    if (input[i] == '\n' && !end_line()) return Outcome::kRefused;
    if (is_whole_) {
      input.remove_prefix(i + 1);
      return Outcome::kWhole;
    }
  }
  input = {};
  return Outcome::kNeedMore;
}

}  // namespace fairlead::net
