#include "app/transfer/hub_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <chrono>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "auth/mint.h"
#include "auth/secret_file.h"
#include "base/clock.h"
#include "base/private_file.h"
#include "net/client_stream.h"
#include "protocol/json_reader.h"

namespace fairlead::app::transfer {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr std::int64_t kConnectMs = 10'000;
/// The hub reads up to a page from a disk that may be at work, or waits for a commit.
constexpr std::int64_t kAnswerMs = 60'000;
constexpr std::int64_t kTokenLifeMs = std::int64_t{24} * 3600 * 1000;
constexpr std::int64_t kFirstPauseMs = 100;
constexpr std::int64_t kLongestPauseMs = 2000;
/// A page has at most 1000 rows, each of some 300 KB at the very most.
constexpr std::uint64_t kMaxBodyBytes = std::uint64_t{512} << 20;
constexpr std::size_t kReadBytes = 64UL * 1024;

std::string trimmed(std::string text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

/// `<target>; rel=next`
std::optional<std::string> next_in(std::string_view link) {
  const std::size_t end = link.find('>');
  if (!link.starts_with('<') || end == std::string_view::npos) return std::nullopt;
  if (link.substr(end).find("rel=next") == std::string_view::npos) return std::nullopt;
  return std::string(link.substr(1, end - 1));
}

/// Of the answer to a request that is to be made again later.
std::int64_t pause_of(const Answer& answer, std::int64_t otherwise) {
  protocol::JsonReader reader;
  if (!reader.read_copy(answer.body)) return otherwise;
  const protocol::Document& document = reader.document();
  const protocol::Node* const pause = document.find(document.root(), "retry_after_ms");
  if (pause == nullptr || !pause->is_integer || pause->integer <= 0) return otherwise;
  return std::min(pause->integer, kLongestPauseMs);
}

}  // namespace

struct HubClient::Line {
  net::ClientStream stream;
  /// Whether it has carried an answer: the hub may close it between two requests.
  bool is_used = false;
};

HubClient::HubClient(const HubOptions& options, net::Url url, std::string credential)
    : options_(options), url_(std::move(url)), credential_(std::move(credential)) {}
HubClient::~HubClient() = default;
HubClient::HubClient(HubClient&&) noexcept = default;

Result<HubClient> HubClient::open(const HubOptions& options) {
  auto url = net::parse_url(options.url);
  if (!url) return fail(Code::kInvalid, "--url: {}", url.error().message);
  if (url->target != "/") {
    return fail(Code::kInvalid, "--url {}: name the hub alone, without a path", options.url);
  }
  if (options.token_file.empty() == options.jwt_secret_file.empty()) {
    return fail(Code::kInvalid, "give either --token-file or --jwt-secret-file");
  }
  auto credential = options.token_file.empty()
                        ? auth::read_secret_file(options.jwt_secret_file)
                        : read_private_file(options.token_file, "token file");
  if (!credential) return std::unexpected(std::move(credential.error()));
  if (!options.token_file.empty()) *credential = trimmed(std::move(*credential));
  return HubClient(options, std::move(*url), std::move(*credential));
}

std::string HubClient::token() const {
  if (!options_.token_file.empty()) return credential_;
  const std::int64_t now_ms = SystemClock().now_ms();
  return auth::mint_hs256(credential_,
                          {.sub = "fairlead-transfer",
                           .kind = "client",
                           .tenant = options_.tenant,
                           .scope = "telemetry:read telemetry:write device:read device:write",
                           .expires_at_ms = now_ms + kTokenLifeMs});
}

Result<Answer> HubClient::demand(const Request& request) {
  auto answer = ask(request);
  if (answer && answer->status / 100 != 2) return std::unexpected(problem_of(*answer));
  return answer;
}

Result<Answer> HubClient::ask(const Request& request) {
  const std::int64_t until = SystemClock().steady_ms() + kPatienceMs;
  std::int64_t pause = kFirstPauseMs;
  while (true) {
    const bool was_kept = line_ != nullptr && line_->is_used;
    auto answer = try_once(request);
    has_answered_ = has_answered_ || answer;
    const bool is_for_later = answer && (answer->status == 429 || answer->status == 503);
    if (answer && !is_for_later) return answer;
    if (!answer) line_.reset();
    if (!has_answered_ || SystemClock().steady_ms() >= until) {
      if (answer) return std::unexpected(problem_of(*answer));
      return fail(Code::kOverloaded, "{}: {}", options_.url, answer.error().message);
    }
    if (!answer && was_kept) continue;
    const std::int64_t wait = answer ? pause_of(*answer, pause) : pause;
    std::this_thread::sleep_for(std::chrono::milliseconds(wait));
    pause = std::min(pause * 2, kLongestPauseMs);
  }
}

Result<Answer> HubClient::try_once(const Request& request) {
  if (line_ == nullptr) {
    auto stream = net::ClientStream::connect(url_, options_.ca, {kConnectMs, std::stop_token()});
    if (!stream) return std::unexpected(std::move(stream.error()));
    line_ = std::make_unique<Line>(Line{.stream = std::move(*stream)});
  }
  std::string text = fmt::format(
      "{} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: {}\r\n"
      "Accept-Encoding: identity\r\nUser-Agent: fairlead\r\n",
      request.method, request.target, url_.authority, token(), request.accept);
  if (request.body) {
    text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n",
                        request.body->size());
  }
  text += "\r\n";
  if (request.body) text += *request.body;
  if (auto sent = line_->stream.write(text, {kAnswerMs, std::stop_token()}); !sent) {
    return std::unexpected(std::move(sent.error()));
  }
  return receive(kAnswerMs);
}

Result<Answer> HubClient::receive(std::int64_t timeout_ms) {
  Parser parser;
  parser.eager(true);
  parser.body_limit(kMaxBodyBytes);
  std::vector<char> buffer(kReadBytes);
  std::string rest;
  while (!parser.is_done()) {
    const auto got = line_->stream.read(buffer, {timeout_ms, std::stop_token()});
    if (!got) return std::unexpected(got.error());
    boost::beast::error_code error;
    if (*got == 0) {
      if (!parser.got_some()) return fail(Code::kOverloaded, "the hub closed the connection");
      parser.put_eof(error);
      if (error || !parser.is_done()) return fail(Code::kOverloaded, "the answer is cut off");
      break;
    }
    rest.append(buffer.data(), *got);
    const std::size_t used = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    rest.erase(0, used);
    if (error && error != http::error::need_more) {
      return fail(Code::kOverloaded, "the answer is no HTTP: {}", error.message());
    }
  }
  const bool is_kept = parser.keep_alive();
  auto message = parser.release();
  const auto link = message[http::field::link];
  Answer answer{.status = static_cast<int>(message.result_int()),
                .body = std::move(message.body()),
                .next = next_in({link.data(), link.size()})};
  line_->is_used = true;
  if (!is_kept) line_.reset();
  return answer;
}

Error problem_of(const Answer& answer) {
  Error error{.code = Code::kInternal,
              .message = fmt::format("the hub answered {}", answer.status)};
  protocol::JsonReader reader;
  if (!reader.read_copy(answer.body)) return error;
  const protocol::Document& document = reader.document();
  const protocol::Node* const detail = document.find(document.root(), "detail");
  if (detail != nullptr) error.message += fmt::format(": {}", detail->text);
  return error;
}

std::string device_target(std::string_view id, std::string_view below) {
  std::string target = "/v1/devices/";
  for (const char c : id) {
    if (c == '/') {
      target += "%2F";
    } else {
      target += c;
    }
  }
  return target.append(below);
}

}  // namespace fairlead::app::transfer
