#include "net/websocket_connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "net/reactor.h"

namespace fairlead::net {
namespace {

using enum WebSocketPhase;

/// Frames of one connection handled in one turn; then the others have theirs.
constexpr int kFramesPerTurn = 64;

constexpr WebSocketPhase kNext[][5] = {
    // on:           kCloseByUs  kCloseByPeer kViolation  kSocketLost kTold
    /* kOpen      */ {kClosing, kFinishing, kFinishing, kLost, kOver},
    /* kClosing   */ {kClosing, kFinishing, kFinishing, kLost, kOver},
    /* kFinishing */ {kFinishing, kFinishing, kFinishing, kLost, kOver},
    /* kLost      */ {kLost, kLost, kLost, kLost, kOver},
    /* kOver      */ {kOver, kOver, kOver, kOver, kOver},
};

}  // namespace

WebSocketConnection::WebSocketConnection(WebSocketState state) : state_(std::move(state)) {}

WebSocketConnection::~WebSocketConnection() {
  if (reactor() != nullptr) reactor()->forget(*this);
}

void WebSocketConnection::enter(Event event) {
  state_.phase = kNext[static_cast<std::size_t>(state_.phase)][static_cast<std::size_t>(event)];
}

// ---- what the owner asks for --------------------------------------------------------------------

void WebSocketConnection::begin_ending(CloseInfo info) {
  // The first cause wins.
  if (auto& ending = state_.some().ending; !ending) ending = std::move(info);
}

void WebSocketConnection::close(std::uint16_t code, std::string_view reason) {
  if (state_.phase != kOpen) return;
  begin_ending({.code = code, .reason = std::string(reason), .by_us = true});
  enqueue_control(Opcode::kClose, close_payload(code, reason));
  enter(Event::kCloseByUs);
  if (reactor() == nullptr) return;
  reactor()->set_deadline(*this, reactor()->now_ms() + reactor()->options().close_timeout_ms);
  // The peer's close frame has to be read, paused or not.
  if (has_undelivered_) reactor()->make_ready(*this);
  update_interest();
}

void WebSocketConnection::terminate() { lose(); }

void WebSocketConnection::lose() {
  if (state_.phase == kLost || state_.phase == kOver) return;
  begin_ending({.code = close_code::kLost, .reason = {}, .by_us = false});
  enter(Event::kSocketLost);
  if (reactor() == nullptr) return;
  reactor()->set_interest(*this, 0);
  reactor()->make_ready(*this);
}

void WebSocketConnection::pause_reading() { state_.is_paused = true; }

void WebSocketConnection::resume_reading() {
  if (!std::exchange(state_.is_paused, false) || reactor() == nullptr) return;
  if (has_undelivered_) reactor()->make_ready(*this);
  update_interest();
}

void WebSocketConnection::hand_over(Taker taker) {
  if (state_.phase == kOver || taker_) return;
  FAIRLEAD_ASSERT(reactor() != nullptr);
  taker_ = std::make_unique<Taker>(std::move(taker));
  reactor()->make_ready(*this);
}

void WebSocketConnection::give() {
  const std::unique_ptr<Taker> taker = std::move(taker_);
  reactor()->forget(*this);
  auto heir = std::make_unique<WebSocketConnection>(std::move(state_));
  enter(Event::kTold);
  // Nothing of this object may be touched any more: the taker may destroy it.
  (*taker)(std::move(heir));
}

void WebSocketConnection::attach_to(Reactor& host, MessageHandler& handler) {
  FAIRLEAD_ASSERT(reactor() == nullptr);
  FAIRLEAD_ASSERT(state_.phase != kOver);
  handler_ = &handler;
  is_blocked_ = false;
  has_undelivered_ = !state_.unread.is_empty();
  host.watch(*this, state_.socket.fd(), is_reading() ? EPOLLIN : 0U);
  update_held();
  const bool may_wait = std::exchange(state_.is_held_back, false);
  if ((!state_.queue.is_empty() && !may_wait) || state_.phase == kFinishing) host.want_flush(*this);
  const bool has_work = has_undelivered_ || (is_reading() && state_.socket.has_unread());
  if (has_work || state_.phase == kLost) host.make_ready(*this);
  if (state_.phase == kClosing || state_.phase == kFinishing) {
    host.set_deadline(*this, host.now_ms() + host.options().close_timeout_ms);
  }
}

// ---- reading ------------------------------------------------------------------------------------

bool WebSocketConnection::may_deliver() const {
  if (state_.phase != kOpen) return state_.phase == kClosing;
  return !state_.is_paused && (reactor() == nullptr || !reactor()->is_reading_held());
}

void WebSocketConnection::set_kept_bytes(std::size_t bytes) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  state_.kept_bytes = static_cast<std::uint32_t>(std::min(bytes, kMost));
  if (reactor() != nullptr) update_held();
}

void WebSocketConnection::update_held() {
  reactor()->set_held(*this, state_.queue.waiting() + state_.kept_bytes,
                      state_.unread.held_bytes() + state_.decoder.held_bytes());
}

void WebSocketConnection::on_memory_short() {
  const Reactor& host = *reactor();
  // What waits is the memory: it cannot wait for a peer that takes nothing to take a close frame.
  const bool can_be_told = state_.phase == kOpen && !is_blocked_;
  handler_->on_memory_short();
  if (!host.is_running(this)) return;
  if (!can_be_told || state_.phase != kClosing) return lose();
  // The close frame leaves with the next flush; nothing more is read meanwhile, and with that flush
  // the socket is another's, and what was received gone.
  enter(Event::kViolation);
  state_.unread = {};
  has_undelivered_ = false;
  update_held();
  reactor()->set_interest(*this, 0);
}

bool WebSocketConnection::is_reading() const { return !has_undelivered_ && may_deliver(); }

void WebSocketConnection::update_interest() {
  if (reactor() == nullptr || state_.phase == kLost) return;
  reactor()->set_interest(*this, (is_reading() ? EPOLLIN : 0U) | (is_blocked_ ? EPOLLOUT : 0U));
  if (is_reading() && state_.socket.has_unread()) reactor()->make_ready(*this);
  const bool is_held_up =
      state_.phase == kOpen && !state_.is_paused && reactor()->is_reading_held();
  if (is_held_up) reactor()->hold(*this);
}

void WebSocketConnection::on_events(std::uint32_t events) {
  if (taker_ || state_.phase == kLost) return;
  const bool is_gone = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (is_gone && has_undelivered_ && may_deliver()) return;
  if (is_gone && ((events & EPOLLIN) == 0 || !is_reading())) {
    // Both directions are gone and nothing more is to be had.
    lose();
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    is_blocked_ = false;
    reactor()->want_flush(*this);
    update_interest();
  }
  if ((events & EPOLLIN) == 0) return;
  if (is_reading()) {
    read();
  } else {
    // Level-triggered: interest goes only when an event shows that it must.
    update_interest();
  }
}

void WebSocketConnection::read() {
  const std::span<char> buffer = reactor()->receive_buffer();
  const std::span<const char> before = state_.unread.bytes();
  std::ranges::copy(before, buffer.begin());
  const IoResult result = state_.socket.receive(buffer.subspan(before.size()));
  ++reactor()->count().reads;
  reactor()->count().bytes_in += result.bytes;
  if (result.status == IoResult::Status::kBlocked) return;
  if (result.status != IoResult::Status::kOk) {
    lose();
    return;
  }
  std::span<char> input = buffer.first(before.size() + result.bytes);
  if (!deliver(input)) return;
  keep(input, false);
  // A pause that ended inside a callback has taken the interest along.
  if (is_reading()) update_interest();
}

bool WebSocketConnection::deliver(std::span<char>& input) {
  const Reactor& host = *reactor();
  const std::size_t before = input.size();
  int left = kFramesPerTurn;
  has_undelivered_ = true;
  while (left > 0 && !taker_) {
    if (!may_deliver()) break;
    const Decoded found = state_.decoder.next(input);
    if (found.kind == Decoded::Kind::kNeedMore) {
      has_undelivered_ = false;
      break;
    }
    --left;
    handle(found);
    if (!host.is_running(this)) return false;
  }
  const bool is_part_only = left == kFramesPerTurn && input.size() < before;
  if (is_part_only && state_.phase == kOpen) {
    // A part of a long message: the peer lives.
    handler_->on_sign_of_life();
    if (!host.is_running(this)) return false;
  }
  if (input.empty()) has_undelivered_ = false;
  return true;
}

void WebSocketConnection::keep(std::span<char> rest, bool is_in_place) {
  if (rest.empty() || state_.phase == kFinishing) {
    state_.unread = {};
  } else if (!is_in_place || !has_undelivered_) {
    state_.unread = Unread({rest.data(), rest.size()});
  } else {
    // Still in the buffer that is being worked off: no copy a turn.
    state_.unread.take(state_.unread.bytes().size() - rest.size());
  }
  if (reactor() == nullptr) return;
  update_held();
  if (has_undelivered_ && may_deliver()) reactor()->make_ready(*this);
}

void WebSocketConnection::deliver_unread() {
  std::span<char> input = state_.unread.bytes();
  if (!deliver(input)) return;
  keep(input, true);
  update_interest();
}

void WebSocketConnection::handle(const Decoded& found) {
  const Reactor& host = *reactor();
  if (state_.phase == kOpen) {
    handler_->on_sign_of_life();
    if (!host.is_running(this)) return;
  }
  if (found.kind == Decoded::Kind::kClose) return handle_close(found);
  if (found.kind == Decoded::Kind::kError) return handle_violation(found);
  // Behind our close frame only the peer's matters (RFC 6455, 5.5.1).
  if (state_.phase != kOpen) return;
  if (found.kind == Decoded::Kind::kPing) pong(found.payload);
  if (found.kind == Decoded::Kind::kMessage && !taker_) {
    handler_->on_message(found.message, found.payload);
  }
}

void WebSocketConnection::handle_close(const Decoded& found) {
  if (state_.phase == kOpen) {
    begin_ending({.code = found.code, .reason = std::string(found.payload), .by_us = false});
    enqueue_control(Opcode::kClose, close_payload(found.code, {}));
  }
  enter(Event::kCloseByPeer);
  reactor()->set_deadline(*this, reactor()->now_ms() + reactor()->options().close_timeout_ms);
  reactor()->want_flush(*this);
}

void WebSocketConnection::handle_violation(const Decoded& found) {
  ++reactor()->count().protocol_errors[found.code];
  if (state_.phase == kOpen) {
    const Reactor& host = *reactor();
    handler_->on_violation(found.code, found.payload);
    if (!host.is_running(this) || state_.phase != kOpen) return;
    begin_ending({.code = found.code, .reason = std::string(found.payload), .by_us = true});
    enqueue_control(Opcode::kClose, close_payload(found.code, found.payload));
  }
  enter(Event::kViolation);
  reactor()->set_deadline(*this, reactor()->now_ms() + reactor()->options().close_timeout_ms);
  reactor()->want_flush(*this);
}

// ---- the end ------------------------------------------------------------------------------------

void WebSocketConnection::on_ready() {
  if (taker_) return give();
  if (state_.phase == kLost) return finish(false);
  if (has_undelivered_) {
    deliver_unread();
  } else if (is_reading() && state_.socket.has_unread()) {
    read();
  } else {
    update_interest();
  }
}

void WebSocketConnection::on_deadline() {
  if (state_.phase == kClosing || state_.phase == kFinishing) finish(false);
}

void WebSocketConnection::finish(bool is_orderly) {
  Reactor& host = *reactor();
  if (is_orderly) {
    host.forget(*this);
    host.linger(std::move(state_.socket));
  } else {
    host.forget_closing(*this);
    state_.socket.close();
  }
  enter(Event::kTold);
  const CloseInfo info = *std::move(state_.some().ending);
  // Last: the owner may destroy this object inside the call.
  handler_->on_closed(info);
}

}  // namespace fairlead::net
