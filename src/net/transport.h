#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/frame.h"

namespace fairlead::net {

/// How a WebSocket ended, as this end saw it.
struct CloseInfo {
  /// The peer's close code (RFC 6455, 7.4), or ours when we closed first; 1006 when the socket was
  /// lost without a close frame, 1005 when the peer's close frame carried no code.
  std::uint16_t code = 1006;
  /// The peer's reason (or ours when we closed first); may be empty.
  std::string reason;
  /// Who sent the first close frame; false for a lost socket.
  bool by_us = false;
};

/// What a WebSocket tells its owner. All calls on the thread of the reactor that hosts it.
class MessageHandler {
 public:
  virtual ~MessageHandler() = default;
  /// One whole message, unmasked and joined; text is valid UTF-8. The view lasts for the call, and
  /// at least 64 readable bytes follow it (what simdjson asks for).
  virtual void on_message(MessageKind kind, std::string_view payload) = 0;
  /// A frame of any kind arrived (before on_message for data). A pong counts as an answered ping.
  virtual void on_sign_of_life() = 0;
  /// The peer broke the protocol (1002, 1007) or sent too much (1009): a close frame with `code`
  /// follows this call. The last moment to send something.
  virtual void on_violation(std::uint16_t code, std::string_view reason) {
    static_cast<void>(code);
    static_cast<void>(reason);
  }
  /// `written()` has grown: the kernel took more bytes. At most once a flush.
  virtual void on_written() = 0;
  /// Memory is short and this connection holds the most: the last moment to end it with a cause,
  /// before it is terminated.
  virtual void on_memory_short() {}
  /// The end, exactly once, whatever the cause; nothing follows. The transport may be destroyed
  /// inside this call by its owner or later.
  virtual void on_closed(const CloseInfo& info) = 0;
};

/// One WebSocket after its handshake: the seam between the inside and the sockets (bytes in,
/// frames queued out, flush). Not thread-safe: used on the thread that hosts it.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Queues a frame (of one or more messages); all of one turn leave together. Returns the position
  /// of the frame's last byte in the stream of bytes sent: when `written()` reaches it, the kernel
  /// has it. Ignored (returns the current position) once closing.
  virtual std::uint64_t send(SharedFrame frame) = 0;
  /// The same for one message that nobody shares; copies it.
  virtual std::uint64_t send(MessageKind kind, std::string_view payload) = 0;
  /// Lets the kernel have what it takes now instead of at the end of the turn; on_written follows
  /// later, not inside this call.
  virtual void flush() {}
  /// While detached: what is queued already (the answer to the handshake) need not leave before
  /// something else is sent.
  virtual void hold_back() {}
  /// Queues a WebSocket ping.
  virtual void ping() = 0;
  /// Sends what is queued, then a close frame, and waits (bounded) for the peer's; no further
  /// message is delivered. The first call wins; on_closed follows. `reason` at most 123 bytes.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// The peer has shown who it is: it is no handshake in progress any more.
  virtual void settle() {}
  /// Drops the socket without ceremony; on_closed follows with 1006, not inside this call.
  virtual void terminate() = 0;
  /// Stops and starts delivering messages (and reading the socket: TCP pushes back).
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;
  /// Bytes that the owner keeps for this peer besides: they count where memory is counted.
  virtual void set_kept_bytes(std::size_t bytes) { static_cast<void>(bytes); }
  /// Bytes queued here and not yet taken by the kernel.
  virtual std::uint64_t queued_bytes() const = 0;
  /// Position up to which the kernel has taken bytes.
  virtual std::uint64_t written() const = 0;
  /// Gives the connection away: no message is delivered any more here; once the running callback
  /// has returned, `taker` gets it as a new, detached transport, with what was read and not
  /// delivered. This one is then an empty shell, which `taker` may destroy.
  virtual void hand_over(std::move_only_function<void(std::unique_ptr<Transport>)> taker) = 0;
};

/// Gives a detached transport a thread to live on. One per shard; called on that shard's thread.
class TransportHost {
 public:
  virtual ~TransportHost() = default;
  /// Hosts `transport` from now on; `handler` outlives it. What was read but not delivered is
  /// delivered in a later turn, not inside this call. The caller owns the transport; destroying it
  /// drops the socket and tells the handler nothing.
  virtual void attach(Transport& transport, MessageHandler& handler) = 0;
  /// While held, no transport hosted here is read or delivers messages (but those that are closing
  /// see their peer's close frame). Afterwards all go on, in the order in which they were held up,
  /// a bounded number a turn. A flag: it costs the same whatever the number of transports.
  virtual void hold_reading(bool is_held) = 0;
};

}  // namespace fairlead::net
