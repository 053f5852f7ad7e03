#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/deflate.h"
#include "net/gate.h"
#include "net/pollable.h"
#include "net/send_queue.h"
#include "net/socket.h"
#include "net/transport.h"
#include "net/unread.h"
#include "net/websocket.h"
#include "net/websocket_decoder.h"

namespace fairlead::net {

/// Where a WebSocket stands in its life (RFC 6455, 7.1). websocket_connection.cpp has the table.
enum class WebSocketPhase : std::uint8_t {
  kOpen,
  /// Our close frame is queued or sent; the peer's is awaited, bounded in time.
  kClosing,
  /// Both close frames are accounted for, or the peer broke the protocol: what is queued still
  /// leaves, nothing is read.
  kFinishing,
  /// The socket is lost or was dropped; the handler will be told.
  kLost,
  /// The handler was told, or the connection was given away.
  kOver,
};

/// Compression of what we send.
struct OutgoingDeflate {
  OutgoingDeflate(const DeflateAgreement& agreed, const DeflateOptions& options)
      : window_bits(agreed.server_max_window_bits), min_bytes(options.min_bytes) {
    if (agreed.server_no_context_takeover) return;
    context = std::make_unique<Deflater>(true, window_bits, options.level);
  }

  int window_bits;
  std::size_t min_bytes;
  /// With context takeover. Without, a frame's compressed form is shared by all who get it.
  std::unique_ptr<Deflater> context;
};

/// What moves when a WebSocket changes its thread.
struct WebSocketState {
  Socket socket;
  WebSocketDecoder decoder;
  SendQueue queue{};
  Unread unread{};
  Pass pass{};
  std::unique_ptr<OutgoingDeflate> deflate{};
  /// What few connections have, and others for moments.
  struct Occasional {
    /// A client's only.
    std::optional<MaskKeys> mask_keys;
    /// The newest pong, while the peer does not read: only it waits.
    std::optional<std::string> waiting_pong;
    /// The first cause of the end, once there is one.
    std::optional<CloseInfo> ending;
  };
  std::unique_ptr<Occasional> occasional{};
  WebSocketPhase phase = WebSocketPhase::kOpen;
  bool is_paused = false;
  /// What is queued waits for company.
  bool is_held_back = false;
  /// By the owner, for this peer.
  std::uint32_t kept_bytes = 0;

  Occasional& some() {
    if (!occasional) occasional = std::make_unique<Occasional>();
    return *occasional;
  }
  bool is_client() const { return occasional && occasional->mask_keys; }
};

/// A WebSocket on a reactor: Transport over a socket. Holds no buffer while idle.
class WebSocketConnection final : public Transport, public Pollable {
 public:
  /// Detached: Reactor::attach gives it a home.
  explicit WebSocketConnection(WebSocketState state);
  ~WebSocketConnection() override;

  std::uint64_t send(SharedFrame frame) override;
  std::uint64_t send(MessageKind kind, std::string_view payload) override;
  void flush() override;
  void ping() override;
  void close(std::uint16_t code, std::string_view reason) override;
  void terminate() override;
  void pause_reading() override;
  void resume_reading() override;
  std::uint64_t queued_bytes() const override { return state_.queue.waiting(); }
  std::uint64_t written() const override { return state_.queue.written(); }
  void hand_over(std::move_only_function<void(std::unique_ptr<Transport>)> taker) override;
  void settle() override { state_.pass.settle(); }
  void hold_back() override { state_.is_held_back = true; }
  void set_kept_bytes(std::size_t bytes) override;

  /// What Reactor::attach does.
  void attach_to(Reactor& host, MessageHandler& handler);

  void on_events(std::uint32_t events) override;
  void on_ready() override;
  Sending outgoing() override;
  void on_flushed(const Sending& sent) override;
  void on_deadline() override;
  void on_memory_short() override;

 private:
  using Taker = std::move_only_function<void(std::unique_ptr<Transport>)>;
  enum class Event : std::uint8_t { kCloseByUs, kCloseByPeer, kViolation, kSocketLost, kTold };

  void enter(Event event);
  /// Whether each message is made for this connection alone.
  bool is_transforming() const {
    return state_.is_client() || (state_.deflate && state_.deflate->context);
  }
  bool compresses(std::size_t bytes) const;
  void send_transformed(MessageKind kind, std::string_view payload);
  /// Of the reactor; a detached connection's come from the heap.
  template <typename Push>
  void push(Push&& push);
  void enqueue_copy(MessageKind kind, std::string_view payload);
  void enqueue(std::string bytes);
  void send_form(SharedFrame frame);
  std::string deflated(MessageKind kind, std::string_view payload);
  std::string compressed_form(const Frame& frame);
  void enqueue_control(Opcode opcode, std::string_view payload);
  void pong(std::string_view payload);
  bool is_reading() const;
  void read();
  /// False when the connection was destroyed meanwhile.
  bool deliver(std::span<char>& input);
  void deliver_unread();
  /// Puts aside what was not decoded; `is_in_place` when it lies in `unread` already.
  void keep(std::span<char> rest, bool is_in_place);
  bool may_deliver() const;
  void handle(const Decoded& found);
  void handle_close(const Decoded& found);
  void handle_violation(const Decoded& found);
  void update_interest();
  void update_held();
  void lose();
  void begin_ending(CloseInfo info);
  void finish(bool is_orderly);
  void give();

  WebSocketState state_;
  MessageHandler* handler_ = nullptr;
  std::unique_ptr<Taker> taker_;
  /// The kernel's buffer is full: EPOLLOUT is awaited.
  bool is_blocked_ = false;
  /// `unread` may hold whole messages: they come first, before the socket is read.
  bool has_undelivered_ = false;
  /// flush() has moved written() on.
  bool is_progress_untold_ = false;
};

}  // namespace fairlead::net
