#include "wire.h"

#include <algorithm>

namespace fairlead::simulation {

std::uint64_t SimTransport::send(SharedFrame frame) {
  frame->for_each_payload([&](std::string_view each) { send(frame->kind(), each); });
  return sent_;
}

std::uint64_t SimTransport::send(MessageKind kind, std::string_view payload) {
  if (close_ || is_closed_) return sent_;
  SharedFrame frame = make_frame(kind, payload);
  queued_bytes_ += frame->wire().size();
  sent_ += frame->wire().size();
  queue_.push_back(std::move(frame));
  return sent_;
}

// Peers of the simulation answer pings at once, as long as they are there.
void SimTransport::ping() {
  const bool is_there = !wire_->is_peer_gone && !wire_->is_peer_silent;
  if (is_there && handler_ != nullptr) handler_->on_sign_of_life();
}

void SimTransport::close(std::uint16_t code, std::string_view reason) {
  if (!close_) close_.emplace(code, std::string(reason));
}

void SimTransport::terminate() { wire_->is_peer_gone = true; }

void SimTransport::hand_over(std::move_only_function<void(std::unique_ptr<net::Transport>)> taker) {
  taker_ = std::move(taker);
}

bool SimTransport::can_deliver() const {
  if (is_closed_ || handler_ == nullptr) return false;
  if (taker_) return true;
  if (wire_->is_peer_gone) return true;
  return !is_paused_ && !*is_held_ && !close_ && !wire_->to_hub.empty();
}

bool SimTransport::deliver_one() {
  if (!can_deliver()) return false;
  if (taker_) {
    auto heir = std::make_unique<SimTransport>(wire_);
    heir->queue_ = std::move(queue_);
    heir->queued_bytes_ = queued_bytes_;
    heir->sent_ = sent_;
    heir->written_ = written_;
    is_given_ = true;
    is_closed_ = true;
    auto taker = std::move(taker_);
    taker(std::move(heir));
    return true;
  }
  if (wire_->is_peer_gone && (wire_->to_hub.empty() || close_)) {
    net::CloseInfo info;
    if (close_) {
      info = {close_->first, close_->second, true};
    } else if (wire_->closed_by_peer) {
      info = {wire_->closed_by_peer->first, wire_->closed_by_peer->second, false};
    }
    finish(std::move(info));
    return true;
  }
  if (is_paused_) return false;
  std::string message = std::move(wire_->to_hub.front());
  wire_->to_hub.pop_front();
  const std::size_t size = message.size();
  // The contract of on_message: 64 readable bytes behind the view.
  message.append(64, '\0');
  handler_->on_sign_of_life();
  handler_->on_message(MessageKind::kText, std::string_view(message).substr(0, size));
  return true;
}

bool SimTransport::take_frames(std::size_t most) {
  if (is_closed_ || !can_flush()) return false;
  for (; most > 0 && !queue_.empty(); --most) {
    const SharedFrame frame = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= frame->wire().size();
    written_ += frame->wire().size();
    if (!wire_->is_peer_gone) wire_->to_peer.emplace_back(frame->payload());
  }
  handler_->on_written();
  if (queue_.empty() && is_closing()) {
    wire_->closed_by_hub = *close_;
    finish({close_->first, close_->second, true});
  }
  return true;
}

void SimTransport::finish(net::CloseInfo info) {
  is_closed_ = true;
  handler_->on_closed(info);
}

}  // namespace fairlead::simulation
