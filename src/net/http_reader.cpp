#include "net/http_reader.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "net/tokens.h"

namespace fairlead::net {
namespace {

namespace http = boost::beast::http;

/// A chunk's line, or all trailers together: more is not waited for.
constexpr std::size_t kMaxChunkLine = 4096;
constexpr std::size_t kLastChunk = std::string_view("0\r\n\r\n").size();

/// A string that grows as bytes arrive: Beast's own reserves what Content-Length claims.
struct GrowingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool kIsRequest, typename Fields>
    reader(http::header<kIsRequest, Fields>& /*header*/, std::string& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>& /*length*/, boost::beast::error_code& error) {
      error = {};
    }
    template <typename Buffers>
    std::size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      error = {};
      std::size_t taken = 0;
      for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        taken += buffer.size();
      }
      return taken;
    }
    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    std::string& body_;
  };
};

/// Origin form out of absolute form (RFC 9112, 3.2.2); gives the authority that replaces Host.
std::optional<std::string> strip_authority(std::string& target) {
  if (target.starts_with('/')) return std::nullopt;
  const std::size_t begin = target.find("://") + 3;
  const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
  std::string authority = target.substr(begin, end - begin);
  target.erase(0, end);
  if (!target.starts_with('/')) target.insert(0, 1, '/');
  return authority;
}

}  // namespace

struct HttpReader::Parser {
  http::request_parser<GrowingBody> beast;
};

HttpReader::HttpReader(const HttpLimits& limits) : limits_(limits), scanner_(limits) {}
HttpReader::~HttpReader() = default;

HttpReader::Progress HttpReader::refuse(int status, std::string_view detail) {
  refusal_ = {.status = status, .detail = std::string(detail)};
  is_refused_ = true;
  return Progress::kRefused;
}

HttpReader::Progress HttpReader::begin() {
  const std::string_view head = scanner_.head();
  auto facts = check_head(head, limits_);
  if (!facts) return refuse(facts.error().status, facts.error().detail);
  facts_ = *facts;
  parser_ = std::make_unique<Parser>();
  auto& beast = parser_->beast;
  beast.eager(true);
  beast.body_limit(limits_.max_body_bytes);
  beast.header_limit(static_cast<std::uint32_t>(head.size() + kMaxChunkLine));
  boost::beast::error_code error;
  const std::size_t taken = beast.put(boost::asio::buffer(head.data(), head.size()), error);
  const bool is_whole = taken == head.size() && beast.is_header_done();
  scanner_.reset();
  if ((error && error != http::error::need_more) || !is_whole) return refuse(400, "bad request");
  return facts_.expects_continue ? Progress::kContinue : Progress::kNeedMore;
}

HttpReader::Progress HttpReader::read_body(std::string_view& input) {
  auto& beast = parser_->beast;
  while (!beast.is_done()) {
    // A chunked body always has the last chunk ahead, so waiting for that much loses nothing; Beast
    // 1.81 asserts it (n >= 5) where it goes on with a last chunk that came in pieces.
    const std::size_t least = facts_.is_chunked ? kLastChunk : 1;
    if (input.size() < least) return Progress::kNeedMore;
    boost::beast::error_code error;
    const std::size_t taken = beast.put(boost::asio::buffer(input.data(), input.size()), error);
    input.remove_prefix(taken);
    if (error == http::error::need_more) {
      if (input.size() > kMaxChunkLine) return refuse(400, "chunk line or trailers too long");
      return Progress::kNeedMore;
    }
    if (error == http::error::body_limit) return refuse(413, "body too large");
    if (error) return refuse(400, "bad chunked body");
  }
  return Progress::kRequest;
}

HttpReader::Progress HttpReader::read(std::string_view& input) {
  if (is_refused_) return Progress::kRefused;
  if (!parser_) {
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
  FAIRLEAD_ASSERT(parser_ != nullptr && parser_->beast.is_done());
  auto message = parser_->beast.release();
  parser_.reset();
  HttpRequest request;
  request.method = std::string(message.method_string());
  std::string target(message.target());
  const auto authority = strip_authority(target);
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = target.substr(question + 1);
  for (const auto& field : message.base()) {
    const auto name = field.name_string();
    const auto value = field.value();
    request.headers.emplace_back(to_lower({name.data(), name.size()}),
                                 std::string(value.data(), value.size()));
    if (authority && request.headers.back().first == "host") {
      request.headers.back().second = *authority;
    }
  }
  request.body = std::move(message.body());
  return request;
}

}  // namespace fairlead::net
