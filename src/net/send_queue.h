#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/frame.h"
#include "net/send_buffers.h"
#include "net/socket.h"

namespace fairlead::net {

/// Bytes on their way to a socket. Frames are shared with other queues, never copied; small
/// messages of one connection are copied one behind the other, so that they leave as one piece.
/// Holds no memory while empty. The buffers may be another reactor's than last time: the queue
/// moves with its connection.
class SendQueue {
 public:
  enum class Outcome : std::uint8_t {
    /// The kernel has all.
    kDrained,
    /// The kernel's buffer is full; epoll tells when to go on.
    kBlocked,
    /// Enough for this turn, though the kernel would take more.
    kMore,
    kLost,
  };

  void push(SharedFrame frame, SendBuffers& buffers);
  /// `form` is one of the frame's.
  void push(SharedFrame frame, std::string_view form, SendBuffers& buffers);
  void push(std::string bytes, SendBuffers& buffers);
  /// Copies `head` and `body`, which are small as a rule.
  void push_copy(std::string_view head, std::string_view body, SendBuffers& buffers);
  /// `bytes` outlive the program's use of the queue: constants only.
  void push_constant(std::string_view bytes, SendBuffers& buffers);

  /// As much as the kernel takes, up to kMaxPieces pieces a call and kMaxCalls calls.
  Outcome write_to(const Socket& socket, SendBuffers& buffers);

  static constexpr std::size_t kMaxPieces = 64;
  static constexpr int kMaxCalls = 16;

  /// The same in steps, for who makes the calls himself: what the next call is to send, at most
  /// kMaxPieces and what fits into `into`; none when the queue is empty.
  struct Offer {
    std::size_t pieces = 0;
    std::size_t bytes = 0;
  };
  Offer offer(std::span<iovec> into) const;
  /// Books what a call with `offered` bytes brought. kMore when the kernel took all of it and there
  /// is more in the queue.
  Outcome settle(const IoResult& result, std::size_t offered, SendBuffers& buffers);

  bool is_empty() const { return !waiting_items_; }
  /// Position of the last byte queued in the stream of all bytes.
  std::uint64_t queued() const { return queued_; }
  /// Position up to which the kernel took bytes.
  std::uint64_t written() const { return written_; }
  std::uint64_t waiting() const { return queued_ - written_; }

 private:
  SendItem& add(std::string_view bytes, SendBuffers& buffers);
  void take(std::size_t bytes, SendBuffers& buffers);

  /// Null while nothing waits.
  std::unique_ptr<SendItems> waiting_items_;
  std::uint64_t queued_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace fairlead::net
