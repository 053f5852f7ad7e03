// What a WebSocketConnection sends: queueing, compressing or masking, writing.
#include <utility>

#include "net/reactor.h"
#include "net/websocket_connection.h"

namespace fairlead::net {
namespace {

using enum WebSocketPhase;

/// A ping without payload, as a server sends it.
constexpr std::string_view kBarePing{"\x89\x00", 2};

}  // namespace

template <typename Push>
void WebSocketConnection::push(Push&& push) {
  if (reactor() != nullptr) {
    push(state_.queue, reactor()->send_buffers());
    reactor()->want_flush(*this);
  } else {
    SendBuffers from_heap;
    push(state_.queue, from_heap);
  }
}

std::uint64_t WebSocketConnection::send(SharedFrame frame) {
  if (state_.phase != kOpen) return state_.queue.queued();
  if (is_transforming()) {
    frame->for_each_payload([&](std::string_view each) { send_transformed(frame->kind(), each); });
  } else if (compresses(frame->wire().size())) {
    send_form(std::move(frame));
  } else {
    push([&](SendQueue& queue, SendBuffers& buffers) { queue.push(std::move(frame), buffers); });
  }
  return state_.queue.queued();
}

std::uint64_t WebSocketConnection::send(MessageKind kind, std::string_view payload) {
  if (state_.phase != kOpen) return state_.queue.queued();
  send_transformed(kind, payload);
  return state_.queue.queued();
}

void WebSocketConnection::send_transformed(MessageKind kind, std::string_view payload) {
  const auto opcode = static_cast<Opcode>(kind);
  if (state_.is_client()) {
    enqueue(masked_frame(opcode, payload, state_.occasional->mask_keys->next()));
  } else if (compresses(payload.size())) {
    std::string wire = deflated(kind, payload);
    reactor()->count().deflate_saved_bytes +=
        static_cast<std::int64_t>(FrameHeader(kind, payload.size()).bytes().size() +
                                  payload.size()) -
        static_cast<std::int64_t>(wire.size());
    enqueue(std::move(wire));
  } else {
    enqueue_copy(kind, payload);
  }
}

bool WebSocketConnection::compresses(std::size_t bytes) const {
  // Before it is attached it has nothing to deflate with, and may send any message as it is
  // (RFC 7692, 6.1).
  return state_.deflate && reactor() != nullptr && bytes > 0 && bytes >= state_.deflate->min_bytes;
}

std::string WebSocketConnection::deflated(MessageKind kind, std::string_view payload) {
  const OutgoingDeflate& agreed = *state_.deflate;
  Deflater& deflater = agreed.context ? *agreed.context : reactor()->deflater(agreed.window_bits);
  ++reactor()->count().deflates;
  std::string wire = compressed_frame(static_cast<Opcode>(kind), deflater.deflate(payload));
  const FrameHeader header(kind, payload.size());
  const std::size_t plain = header.bytes().size() + payload.size();
  // What a context was told must be sent; without one the shorter form is.
  if (!agreed.context && wire.size() >= plain) {
    wire = header.bytes();
    wire.append(payload);
  }
  return wire;
}

std::string WebSocketConnection::compressed_form(const Frame& frame) {
  bool gains = false;
  frame.for_each_payload(
      [&](std::string_view payload) { gains = gains || compresses(payload.size()); });
  std::string wire;
  if (!gains) return wire;
  frame.for_each_payload([&](std::string_view payload) {
    if (compresses(payload.size())) {
      wire += deflated(frame.kind(), payload);
    } else {
      wire.append(FrameHeader(frame.kind(), payload.size()).bytes()).append(payload);
    }
  });
  // Remembered as empty: nothing is gained.
  if (wire.size() >= frame.wire().size()) wire.clear();
  return wire;
}

void WebSocketConnection::send_form(SharedFrame frame) {
  const std::string_view form =
      frame->form(state_.deflate->window_bits, [&] { return compressed_form(*frame); });
  push([&](SendQueue& queue, SendBuffers& buffers) {
    if (form.empty()) {
      queue.push(std::move(frame), buffers);
      return;
    }
    reactor()->count().deflate_saved_bytes +=
        static_cast<std::int64_t>(frame->wire().size() - form.size());
    queue.push(std::move(frame), form, buffers);
  });
}

void WebSocketConnection::enqueue_copy(MessageKind kind, std::string_view payload) {
  const FrameHeader header(kind, payload.size());
  push([&](SendQueue& queue, SendBuffers& buffers) {
    queue.push_copy(header.bytes(), payload, buffers);
  });
}

void WebSocketConnection::enqueue(std::string bytes) {
  push([&](SendQueue& queue, SendBuffers& buffers) { queue.push(std::move(bytes), buffers); });
}

void WebSocketConnection::enqueue_control(Opcode opcode, std::string_view payload) {
  enqueue(state_.is_client() ? masked_frame(opcode, payload, state_.occasional->mask_keys->next())
                             : control_frame(opcode, payload));
}

void WebSocketConnection::ping() {
  if (state_.phase != kOpen) return;
  if (state_.is_client()) {
    enqueue_control(Opcode::kPing, {});
    return;
  }
  push([](SendQueue& queue, SendBuffers& buffers) { queue.push_constant(kBarePing, buffers); });
}

void WebSocketConnection::pong(std::string_view payload) {
  // RFC 6455, 5.5.3: answering only the newest ping is enough, so a peer that pings and does not
  // read makes one pong wait, not many.
  if (is_blocked_) {
    state_.some().waiting_pong = std::string(payload);
  } else {
    enqueue_control(Opcode::kPong, payload);
  }
}

void WebSocketConnection::flush() {
  if (is_blocked_ || taker_ || state_.phase != kOpen || reactor() == nullptr) return;
  const std::uint64_t before = state_.queue.written();
  const SendQueue::Outcome outcome =
      state_.queue.write_to(state_.socket, reactor()->send_buffers());
  ++reactor()->count().writes;
  reactor()->count().bytes_out += state_.queue.written() - before;
  is_progress_untold_ = is_progress_untold_ || state_.queue.written() != before;
  if (outcome == SendQueue::Outcome::kLost) return lose();
  is_blocked_ = outcome == SendQueue::Outcome::kBlocked;
  if (is_blocked_) update_interest();
  reactor()->want_flush(*this);
}

Sending WebSocketConnection::outgoing() {
  if (is_blocked_ || taker_ || state_.phase == kLost || state_.queue.is_empty()) return {};
  return {.socket = &state_.socket, .queue = &state_.queue};
}

void WebSocketConnection::on_flushed(const Sending& sent) {
  if (is_blocked_) update_held();
  if (is_blocked_ || taker_ || state_.phase == kLost) return;
  const auto outcome = sent.queue != nullptr ? sent.outcome : SendQueue::Outcome::kDrained;
  if (outcome == SendQueue::Outcome::kLost) {
    lose();
  } else if (outcome == SendQueue::Outcome::kBlocked) {
    is_blocked_ = true;
    update_interest();
  } else if (outcome == SendQueue::Outcome::kMore) {
    reactor()->want_flush(*this);
  } else if (state_.occasional && state_.occasional->waiting_pong) {
    const auto waiting = std::exchange(state_.occasional->waiting_pong, std::nullopt);
    if (state_.phase == kOpen) enqueue_control(Opcode::kPong, *waiting);
  }
  if (state_.phase != kLost) update_held();
  if (std::exchange(is_progress_untold_, false) || sent.bytes > 0) {
    const Reactor& host = *reactor();
    handler_->on_written();
    if (!host.is_running(this)) return;
  }
  if (state_.phase == kFinishing && state_.queue.is_empty()) finish(true);
}

}  // namespace fairlead::net
