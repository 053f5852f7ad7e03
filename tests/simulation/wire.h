#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/transport.h"

namespace fairlead::simulation {

/// Both directions of one connection: messages in flight, and how it ended. The hub's end is a
/// Transport, the peer's end pushes and pops here; the scheduler decides when anything moves.
struct Wire {
  /// Sent by the peer, not yet delivered to the hub.
  std::deque<std::string> to_hub;
  /// Taken by the "kernel" on the hub's side, not yet seen by the peer.
  std::deque<std::string> to_peer;
  /// The peer's end is closed: nothing more will be sent or read.
  bool is_peer_gone = false;
  /// With what the peer closed, where it did.
  std::optional<std::pair<std::uint16_t, std::string>> closed_by_peer;
  /// The peer's machine vanished: the socket stays, nothing is said or read any more.
  bool is_peer_silent = false;
  /// Set when the hub closed: code and reason. What is in to_peer comes first.
  std::optional<std::pair<std::uint16_t, std::string>> closed_by_hub;
  /// The hub's process died, or dropped the socket.
  bool is_cut = false;
};

/// The hub's end of a Wire.
class SimTransport final : public net::Transport {
 public:
  explicit SimTransport(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  ~SimTransport() override {
    if (!is_given_) wire_->is_cut = true;
  }

  /// `is_held`: nobody of this host is read; outlives the transport's stay there.
  void attach_to(net::MessageHandler& handler, const bool& is_held) {
    handler_ = &handler;
    is_held_ = &is_held;
  }

  // net::Transport
  std::uint64_t send(SharedFrame frame) override;
  std::uint64_t send(MessageKind kind, std::string_view payload) override;
  void ping() override;
  void close(std::uint16_t code, std::string_view reason) override;
  void terminate() override;
  void pause_reading() override { is_paused_ = true; }
  void resume_reading() override { is_paused_ = false; }
  std::uint64_t queued_bytes() const override { return queued_bytes_; }
  std::uint64_t written() const override { return written_; }
  void hand_over(std::move_only_function<void(std::unique_ptr<net::Transport>)> taker) override;

  // What the scheduler does. Each returns whether something happened; after false or an end the
  // transport may be gone.
  /// Delivers one message of the peer, or its going.
  bool deliver_one();
  /// The kernel takes at most so many frames.
  bool take_frames(std::size_t most);
  bool can_deliver() const;
  bool can_flush() const { return !queue_.empty() || is_closing(); }

 private:
  bool is_closing() const { return close_.has_value() && !is_closed_; }
  void finish(net::CloseInfo info);

  std::shared_ptr<Wire> wire_;
  net::MessageHandler* handler_ = nullptr;
  const bool* is_held_ = nullptr;
  std::deque<SharedFrame> queue_;
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t written_ = 0;
  bool is_paused_ = false;
  bool is_given_ = false;
  bool is_closed_ = false;
  std::optional<std::pair<std::uint16_t, std::string>> close_;
  std::move_only_function<void(std::unique_ptr<net::Transport>)> taker_;
};

}  // namespace fairlead::simulation
