#include "net/http_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "net/tokens.h"

namespace fairlead::net {
namespace {

namespace http = boost::beast::http;

constexpr int kTooLarge = 413;

/// Origin form out of absolute form (RFC 9112, 3.2.2); gives the authority that replaces Host.
std::optional<std::string> strip_authority(std::string& target) {
  if (target.starts_with('/') || target == "*") return std::nullopt;
  const std::size_t begin = target.find("://") + 3;
  const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
  std::string authority = target.substr(begin, end - begin);
  target.erase(0, end);
  if (!target.starts_with('/')) target.insert(0, 1, '/');
  return authority;
}

HttpRequest to_request(const http::request<http::empty_body>& message) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  std::string target(message.target());
  const auto authority = strip_authority(target);
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = target.substr(question + 1);
  // HTTP/1.0 may have no Host to be replaced.
  if (authority && message.find(http::field::host) == message.end()) {
    request.headers.emplace_back("host", *authority);
  }
  for (const auto& field : message.base()) {
    const auto name = field.name_string();
    const auto value = field.value();
    request.headers.emplace_back(to_lower({name.data(), name.size()}),
                                 std::string(value.data(), value.size()));
    if (authority && request.headers.back().first == "host") {
      request.headers.back().second = *authority;
    }
  }
  return request;
}

/// Beast reads the head. Not the body: its chunk parser (1.81) asserts on a last chunk that comes
/// in pieces, and follows a quoted extension past the end of its line.
std::optional<HttpRequest> parse_head(std::string_view head) {
  http::request_parser<http::empty_body> parser;
  parser.skip(true);
  parser.header_limit(static_cast<std::uint32_t>(head.size()));
  boost::beast::error_code error;
  const std::size_t taken = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error || taken != head.size() || !parser.is_done()) return std::nullopt;
  return to_request(parser.get());
}

}  // namespace

HttpReader::HttpReader(const HttpLimits& limits) : limits_(limits), scanner_(limits) {}

HttpReader::Progress HttpReader::refuse(int status, std::string_view detail) {
  refusal_ = {.status = status, .detail = std::string(detail)};
  is_refused_ = true;
  return Progress::kRefused;
}

HttpReader::Progress HttpReader::begin() {
  auto facts = check_head(scanner_.head(), limits_);
  const bool is_well_formed = facts || facts.error().status == kTooLarge;
  auto request = is_well_formed ? parse_head(scanner_.head()) : std::nullopt;
  if (request) request_ = std::move(*request);
  if (!facts) return refuse(facts.error().status, facts.error().detail);
  if (!request) return refuse(400, "bad request");
  facts_ = *facts;
  chunks_ = ChunkedBody{};
  scanner_.reset();
  is_in_body_ = true;
  return facts_.expects_continue ? Progress::kContinue : Progress::kNeedMore;
}

HttpReader::Progress HttpReader::read_body(std::string_view& input) {
  if (!facts_.is_chunked) {
    const std::uint64_t left = facts_.content_length - request_.body.size();
    const std::size_t length = std::min<std::uint64_t>(left, input.size());
    request_.body.append(input.substr(0, length));
    input.remove_prefix(length);
    return length == left ? Progress::kRequest : Progress::kNeedMore;
  }
  switch (chunks_.take(input, limits_.max_body_bytes, request_.body)) {
    case ChunkedBody::Outcome::kNeedMore:
      break;
    case ChunkedBody::Outcome::kWhole:
      return Progress::kRequest;
    case ChunkedBody::Outcome::kBad:
      return refuse(400, "bad chunked body");
    case ChunkedBody::Outcome::kTooBig:
      return refuse(kTooLarge, "body too large");
  }
  return Progress::kNeedMore;
}

HttpReader::Progress HttpReader::read(std::string_view& input) {
  if (is_refused_) return Progress::kRefused;
  if (!is_in_body_) {
    switch (scanner_.take(input)) {
      case HeadScanner::Outcome::kNeedMore:
        return Progress::kNeedMore;
      case HeadScanner::Outcome::kRefused:
        return refuse(scanner_.refusal().status, scanner_.refusal().detail);
      case HeadScanner::Outcome::kWhole:
        break;
    }
    if (const Progress begun = begin(); begun != Progress::kNeedMore) return begun;
  }
  return read_body(input);
}

HttpRequest HttpReader::take_request() {
  FAIRLEAD_ASSERT(is_in_body_);
  is_in_body_ = false;
  return std::exchange(request_, HttpRequest{});
}

}  // namespace fairlead::net
