#include "net/fetch.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>
#include <system_error>
#include <utility>

#include "net/chunked_body.h"
#include "net/client_stream.h"
#include "net/tokens.h"

namespace fairlead::net {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kMaxHeadBytes = 32UL * 1024;
constexpr std::size_t kReadBytes = 16UL * 1024;

std::unexpected<Error> bad_answer(std::string_view why) {
  return fail(Code::kOverloaded, "the answer {}", why);
}

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// RFC 9111, 5.2.2, as far as it is about us.
std::optional<std::int64_t> max_age_of(std::string_view cache_control) {
  constexpr std::string_view kMaxAge = "max-age=";
  std::optional<std::int64_t> age;
  for (const std::string_view directive : split_list(cache_control)) {
    const std::string name = to_lower(directive);
    if (name == "no-store" || name == "no-cache") return 0;
    if (!name.starts_with(kMaxAge)) continue;
    const auto seconds = whole_number<std::int64_t>(std::string_view(name).substr(kMaxAge.size()));
    if (seconds && *seconds >= 0) age = seconds;
  }
  return age;
}

}  // namespace

struct FetchReader::State {
  std::size_t max_body_bytes = 0;
  std::string head;
  bool is_in_body = false;
  bool is_whole = false;
  bool is_chunked = false;
  /// Nullopt without chunks: the body ends with the connection.
  std::optional<std::uint64_t> length;
  ChunkedBody chunks;
  Fetched result;
};

FetchReader::FetchReader(std::size_t max_body_bytes) : state_(std::make_unique<State>()) {
  state_->max_body_bytes = max_body_bytes;
}
FetchReader::~FetchReader() = default;

Result<bool> FetchReader::take(std::string_view input) {
  State& state = *state_;
  if (state.is_in_body) return take_body(input);
  state.head.append(input);
  const std::size_t end = state.head.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (state.head.size() > kMaxHeadBytes) return bad_answer("has too long a head");
    return false;
  }
  const std::string rest = state.head.substr(end + 4);
  state.head.resize(end + 4);
  if (auto taken = take_head(state.head); !taken) return std::unexpected(taken.error());
  state.is_in_body = true;
  return take_body(rest);
}

Result<void> FetchReader::take_head(std::string_view head) {
  State& state = *state_;
  http::response_parser<http::empty_body> parser;
  parser.skip(true);
  parser.header_limit(kMaxHeadBytes + 4);
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error || !parser.is_header_done()) return bad_answer("is no HTTP/1.1");
  const auto& message = parser.get();
  if (message.result_int() != 200) {
    return bad_answer(fmt::format("has the status {}", message.result_int()));
  }
  std::string cache_control;
  for (const auto& field : message.base()) {
    const std::string name = to_lower({field.name_string().data(), field.name_string().size()});
    const std::string_view value(field.value().data(), field.value().size());
    if (name == "transfer-encoding") {
      if (!equals_ignoring_case(value, "chunked")) return bad_answer("has an unknown coding");
      state.is_chunked = true;
    } else if (name == "content-length") {
      const auto length = whole_number<std::uint64_t>(value);
      if (!length || (state.length && state.length != length)) return bad_answer("has no length");
      state.length = length;
    } else if (name == "content-encoding" && !equals_ignoring_case(value, "identity")) {
      return bad_answer("is compressed");
    } else if (name == "cache-control") {
      cache_control.append(value).append(",");
    }
  }
  if (state.length > state.max_body_bytes) return bad_answer("is too long");
  state.result.max_age_s = max_age_of(cache_control);
  return {};
}

Result<bool> FetchReader::take_body(std::string_view input) {
  State& state = *state_;
  std::string& body = state.result.body;
  if (state.is_chunked) {
    switch (state.chunks.take(input, state.max_body_bytes, body)) {
      case ChunkedBody::Outcome::kNeedMore:
        return false;
      case ChunkedBody::Outcome::kWhole:
        return state.is_whole = true;
      case ChunkedBody::Outcome::kBad:
        return bad_answer("is badly chunked");
      case ChunkedBody::Outcome::kTooBig:
        return bad_answer("is too long");
    }
  }
  const std::size_t most =
      state.length ? static_cast<std::size_t>(*state.length) : input.size() + body.size();
  body.append(input.substr(0, most - body.size()));
  if (body.size() > state.max_body_bytes) return bad_answer("is too long");
  state.is_whole = state.length && body.size() == *state.length;
  return state.is_whole;
}

Result<void> FetchReader::end() {
  State& state = *state_;
  const bool ends_with_connection = state.is_in_body && !state.is_chunked && !state.length;
  if (!state.is_whole && !ends_with_connection) return bad_answer("is cut off");
  return {};
}

Fetched FetchReader::result() && { return std::move(state_->result); }

Result<Fetched> fetch(const Url& url, const FetchOptions& options, const std::stop_token& stop) {
  const Patience patience(options.timeout_ms, stop);
  auto stream = ClientStream::connect(url, options.ca_file, patience);
  if (!stream) return std::unexpected(std::move(stream.error()));
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: application/jwk-set+json, application/json\r\n"
      "Accept-Encoding: identity\r\nUser-Agent: fairlead\r\nConnection: close\r\n\r\n",
      url.target, url.authority);
  if (auto sent = stream->write(request, patience); !sent) return std::unexpected(sent.error());
  FetchReader reader(options.max_body_bytes);
  std::array<char, kReadBytes> buffer;
  while (true) {
    const auto got = stream->read(buffer, patience);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) {
      if (auto ended = reader.end(); !ended) return std::unexpected(ended.error());
      return std::move(reader).result();
    }
    const auto is_whole = reader.take({buffer.data(), *got});
    if (!is_whole) return std::unexpected(is_whole.error());
    if (*is_whole) return std::move(reader).result();
    if (patience.is_over()) return fail(Code::kOverloaded, "receiving: not whole in time");
  }
}

}  // namespace fairlead::net
