#include "net/http_connection.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "net/address.h"
#include "net/http_exchange.h"
#include "net/reactor.h"
#include "net/websocket_connection.h"

namespace fairlead::net {
namespace {

/// Requests of one connection started in one turn; then the others have theirs.
constexpr int kRequestsPerTurn = 16;
constexpr std::int64_t kMsPerSecond = 1000;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

HttpConnection::HttpConnection(Reactor& host, Socket socket, std::string remote,
                               RequestHandler& handler, Pass pass)
    : host_(host),
      socket_(std::move(socket)),
      handler_(handler),
      pass_(std::move(pass)),
      reader_(host.options().http),
      remote_(std::move(remote)) {}

HttpConnection::~HttpConnection() {
  if (link_) link_->connection = nullptr;
  host_.forget(*this);
}

void HttpConnection::release_exchange() {
  if (link_) link_->connection = nullptr;
  link_.reset();
}

void HttpConnection::end() {
  release_exchange();
  host_.dispose(*this);
}

void HttpConnection::begin() {
  host_.watch(*this, socket_.fd(), EPOLLIN);
  update_interest();
  update_deadline();
}

// ---- reading
// --------------------------------------------------------------------------------------

void HttpConnection::on_events(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    end();
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    is_blocked_ = false;
    update_interest();
    host_.want_flush(*this);
  }
  if ((events & EPOLLIN) == 0 || reactor() == nullptr) return;
  if (phase_ == Phase::kReading && !has_more_ && !is_clogged()) {
    read();
  } else {
    update_interest();
  }
}

void HttpConnection::read() {
  const std::span<char> buffer = host_.receive_buffer();
  std::ranges::copy(unread_, buffer.begin());
  const IoResult result = socket_.receive(buffer.subspan(unread_.size()));
  ++host_.count().reads;
  host_.count().bytes_in += result.bytes;
  if (result.status == IoResult::Status::kBlocked) return;
  if (result.status == IoResult::Status::kOk) {
    const std::size_t length = unread_.size() + result.bytes;
    unread_.clear();
    process({buffer.data(), length});
    if (socket_.has_unread()) update_interest();
    return;
  }
  if (result.status == IoResult::Status::kLost || queue_.is_empty()) {
    end();
    return;
  }
  // The peer has finished sending, but answers are on their way.
  phase_ = Phase::kClosing;
  update_interest();
  update_deadline();
}

void HttpConnection::process(std::string_view input) {
  has_more_ = false;
  int left = kRequestsPerTurn;
  bool is_waiting = false;
  while (phase_ == Phase::kReading && left > 0 && !is_waiting && !is_clogged()) {
    switch (reader_.read(input)) {
      case HttpReader::Progress::kNeedMore:
        is_waiting = true;
        break;
      case HttpReader::Progress::kContinue:
        queue_.push_constant(kContinue, host_.send_buffers());
        host_.want_flush(*this);
        break;
      case HttpReader::Progress::kRefused:
        refuse(reader_.refusal(), reader_.unfinished());
        break;
      case HttpReader::Progress::kRequest:
        --left;
        request_began_ms_ = 0;
        start_request();
        break;
    }
  }
  if (phase_ == Phase::kClosing) input = {};
  unread_.assign(input);
  if (unread_.empty()) std::string().swap(unread_);
  has_more_ = !is_waiting && !unread_.empty();
  if (has_more_ && phase_ == Phase::kReading && !is_clogged()) host_.make_ready(*this);
  const bool has_begun = phase_ == Phase::kReading && (!reader_.is_idle() || !unread_.empty());
  // Its time does not run while answers before it are in the way.
  if (has_begun && !is_clogged() && request_began_ms_ == 0) request_began_ms_ = host_.now_ms();
  update_deadline();
}

void HttpConnection::start_request() {
  HttpRequest request = reader_.take_request();
  ++host_.count().requests;
  request.remote = remote_;
  request.is_tls = socket_.is_tls();
  framing_ = {.is_http_11 = reader_.facts().is_http_11,
              .keeps_alive = reader_.facts().keeps_alive,
              .is_head = request.method == "HEAD"};
  if (host_.is_draining()) {
    refuse({.status = 503, .detail = "the hub restarts"}, request);
    return;
  }
  handshake_ = check_handshake(request, framing_.is_http_11);
  if (handshake_.kind == Handshake::Kind::kRefused) {
    refuse(handshake_.refusal, request);
    return;
  }
  if (handshake_.kind == Handshake::Kind::kNone) pass_.settle();
  phase_ = Phase::kHandling;
  link_ = std::make_shared<HttpLink>(HttpLink{.connection = this});
  auto exchange = std::make_unique<HttpExchange>(link_, handshake_.kind == Handshake::Kind::kGood,
                                                 handshake_.protocols);
  handler_.on_request(std::move(request), std::move(exchange));
}

void HttpConnection::on_ready() {
  if (phase_ == Phase::kUpgrading) {
    finish_upgrade();
    return;
  }
  if (phase_ != Phase::kReading || is_clogged()) return;
  if (!has_more_ && socket_.has_unread()) {
    read();
    return;
  }
  const std::string input = std::move(unread_);
  unread_.clear();
  process(input);
  update_interest();
}

// ---- answering
// ------------------------------------------------------------------------------------

void HttpConnection::queue_response(HttpResponse response) {
  if (host_.is_draining()) framing_.keeps_alive = false;
  queue_.push(write_head(response, framing_, host_.http_date()), host_.send_buffers());
  if (has_body(response, framing_)) {
    queue_.push(std::move(response.body), host_.send_buffers());
  }
  phase_ = framing_.keeps_alive ? Phase::kReading : Phase::kClosing;
  if (reactor() != nullptr) host_.want_flush(*this);
}

void HttpConnection::respond(HttpResponse response) {
  FAIRLEAD_ASSERT(phase_ == Phase::kHandling);
  release_exchange();
  if (says_close(response)) framing_.keeps_alive = false;
  queue_response(std::move(response));
  if (reactor() == nullptr) return;
  if (has_more_ && phase_ == Phase::kReading) host_.make_ready(*this);
  update_interest();
  update_deadline();
}

void HttpConnection::refuse(const HttpRefusal& refusal, const HttpRequest& request) {
  framing_ = {.is_http_11 = true, .keeps_alive = false, .is_head = false};
  HttpResponse response = problem_response(refusal);
  handler_.on_refused({.method = request.method,
                       .path = request.path,
                       .query = {},
                       .headers = request.headers,
                       .body = {},
                       .remote = remote_,
                       .is_tls = socket_.is_tls()},
                      response);
  queue_response(std::move(response));
}

bool HttpConnection::is_clogged() const {
  return queue_.waiting() >= host_.options().http.max_unsent_bytes;
}

Sending HttpConnection::outgoing() {
  if (is_blocked_ || queue_.is_empty()) return {};
  return {.socket = &socket_, .queue = &queue_};
}

void HttpConnection::on_flushed(const Sending& sent) {
  if (is_blocked_) return;
  if (sent.queue != nullptr) {
    if (sent.outcome == SendQueue::Outcome::kLost) {
      end();
      return;
    }
    if (sent.outcome == SendQueue::Outcome::kMore) host_.want_flush(*this);
    is_blocked_ = sent.outcome == SendQueue::Outcome::kBlocked;
    if (is_blocked_) update_interest();
  }
  if (queue_.is_empty() && phase_ == Phase::kClosing) {
    end_orderly();
    return;
  }
  if (phase_ == Phase::kReading && !is_clogged()) {
    // Where answers were in the way, the peer's next requests are welcome again.
    if (has_more_) host_.make_ready(*this);
    update_interest();
  }
  update_deadline();
  pull();
}

void HttpConnection::end_orderly() {
  host_.forget(*this);
  host_.linger(std::move(socket_));
  end();
}

// ---- time
// -----------------------------------------------------------------------------------------

void HttpConnection::update_interest() {
  if (reactor() == nullptr) return;
  const bool is_reading = phase_ == Phase::kReading && !has_more_ && !is_clogged();
  host_.set_interest(*this, (is_reading ? EPOLLIN : 0U) | (is_blocked_ ? EPOLLOUT : 0U));
  if (is_reading && socket_.has_unread()) host_.make_ready(*this);
}

void HttpConnection::update_held() {
  host_.set_held(*this, queue_.waiting(), unread_.size() + reader_.body_bytes());
}

void HttpConnection::update_deadline() {
  if (reactor() == nullptr) return;
  update_held();
  const HttpLimits& limits = host_.options().http;
  if (!is_writing()) {
    write_began_ms_ = 0;
  } else if (write_began_ms_ == 0) {
    write_began_ms_ = host_.now_ms();
    written_before_ = queue_.written();
  }
  std::int64_t at_ms = 0;
  if (is_writing()) {
    at_ms = write_began_ms_ + limits.write_timeout_ms;
  } else if (phase_ == Phase::kReading && request_began_ms_ != 0) {
    const auto body_ms = static_cast<std::int64_t>(reader_.body_bytes()) * kMsPerSecond;
    at_ms = request_began_ms_ + limits.request_timeout_ms + body_ms / limits.min_bytes_per_second;
  } else if (phase_ == Phase::kReading) {
    at_ms = host_.now_ms() + limits.idle_timeout_ms;
  }
  host_.set_deadline(*this, at_ms);
}

void HttpConnection::on_deadline() {
  // The kernel may just have room again: then the rest leaves at the end of this turn.
  if (is_writing() || !queue_.is_empty()) {
    const HttpLimits& limits = host_.options().http;
    const auto taken = static_cast<std::int64_t>(queue_.written() - written_before_);
    const bool is_slow =
        taken * kMsPerSecond < limits.min_bytes_per_second * limits.write_timeout_ms;
    if (is_slow) return cut();
    write_began_ms_ = 0;
    update_deadline();
    return;
  }
  if (phase_ != Phase::kReading || request_began_ms_ == 0) {
    end();
    return;
  }
  refuse({.status = 408, .detail = "the request did not come in time"}, reader_.unfinished());
  update_interest();
  update_deadline();
}

// ---- the WebSocket
// --------------------------------------------------------------------------------

void HttpConnection::upgrade(std::string_view protocol, std::size_t max_message_bytes,
                             Taker taker) {
  FAIRLEAD_ASSERT(phase_ == Phase::kHandling);
  release_exchange();
  phase_ = Phase::kUpgrading;
  upgrade_ = std::make_unique<Upgrade>(Upgrade{.protocol = std::string(protocol),
                                               .max_message_bytes = max_message_bytes,
                                               .taker = std::move(taker)});
  host_.make_ready(*this);
}

std::string HttpConnection::switching_protocols(std::string_view extensions) const {
  std::string head = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: {}\r\n",
      handshake_.accept);
  if (!upgrade_->protocol.empty()) {
    head += fmt::format("Sec-WebSocket-Protocol: {}\r\n", upgrade_->protocol);
  }
  if (!extensions.empty()) head += fmt::format("Sec-WebSocket-Extensions: {}\r\n", extensions);
  head += "\r\n";
  return head;
}

void HttpConnection::finish_upgrade() {
  host_.forget(*this);
  WebSocketState state{.socket = std::move(socket_),
                       .decoder = WebSocketDecoder(Role::kServer, upgrade_->max_message_bytes),
                       .queue = std::move(queue_),
                       .unread = Unread(unread_),
                       .pass = std::move(pass_)};
  std::string extensions;
  if (const auto& options = host_.options().deflate; options) {
    if (const auto agreed = negotiate_deflate(handshake_.extensions, *options); agreed) {
      extensions = agreed->header;
      state.decoder.enable_deflate(std::make_unique<Inflater>(!agreed->client_no_context_takeover));
      state.deflate = std::make_unique<OutgoingDeflate>(*agreed, *options);
    }
  }
  state.queue.push(switching_protocols(extensions), host_.send_buffers());
  ++host_.count().upgrades;
  const std::unique_ptr<Upgrade> upgrade = std::move(upgrade_);
  host_.dispose(*this);
  upgrade->taker(std::make_unique<WebSocketConnection>(std::move(state)));
}

}  // namespace fairlead::net
