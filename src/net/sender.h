#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "net/send_buffers.h"
#include "net/send_queue.h"
#include "net/socket.h"

namespace fairlead::net {

/// One socket's part of a batch of sends.
struct Sending {
  const Socket* socket = nullptr;
  /// Null: nothing is to be sent.
  SendQueue* queue = nullptr;
  /// How it went; untouched when nothing was to be sent.
  SendQueue::Outcome outcome = SendQueue::Outcome::kMore;
  /// Bytes that the kernel took.
  std::uint64_t bytes = 0;
};

/// How the bytes that a turn has queued reach the kernel: the seam between epoll and io_uring. One
/// for each reactor, used on its thread.
class Sender {
 public:
  virtual ~Sender() = default;
  /// Lets the kernel have of each queue what it takes now, bounded as SendQueue::write_to is, and
  /// says how that went. When this returns the kernel looks at no queue any more.
  virtual void send(std::span<Sending> batch, SendBuffers& buffers) = 0;
  /// `epoll` or `uring`: what it sends by now.
  virtual std::string_view name() const = 0;
};

/// One sendmsg for each socket.
class PlainSender final : public Sender {
 public:
  void send(std::span<Sending> batch, SendBuffers& buffers) override;
  std::string_view name() const override { return "epoll"; }

  /// One of a batch.
  static void send_one(Sending& sending, SendBuffers& buffers);
};

}  // namespace fairlead::net
