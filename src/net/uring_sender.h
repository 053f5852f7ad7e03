#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "net/sender.h"

struct io_uring;

namespace fairlead::net {

/// Sends of many sockets in one system call, through io_uring. Each of them completes inside that
/// call (MSG_DONTWAIT: the kernel never puts one aside), so no buffer is in use after it.
///
/// The thread of the first send() is the ring's for good. A ring that fails is closed, what it has
/// not sent is sent by PlainSender, and so is everything from then on.
class UringSender final : public Sender {
 public:
  /// What io_uring_submit_and_wait does: returns how many were submitted, or a negative errno.
  using Submit = std::function<int(io_uring& ring, unsigned wait_for)>;

  /// For fewer sockets at once the plain way is cheaper (measured:
  /// docs/decisions/0009-io-uring.md).
  static constexpr std::size_t kLeastBatch = 2;

  /// Use open().
  UringSender(Submit submit, std::size_t least_batch);
  ~UringSender() override;
  UringSender(const UringSender&) = delete;
  UringSender& operator=(const UringSender&) = delete;

  /// Makes a ring. The error says why the kernel refuses: too old (before 6.1), forbidden by a
  /// sandbox or kernel.io_uring_disabled, out of memory. `submit` is the kernel's unless given.
  static Result<std::unique_ptr<UringSender>> open(Submit submit = {},
                                                   std::size_t least_batch = kLeastBatch);
  /// Opens a ring, sends something to itself and throws the ring away: says whether a reactor's
  /// would work. From any thread.
  static Result<void> probe();

  void send(std::span<Sending> batch, SendBuffers& buffers) override;
  std::string_view name() const override;

 private:
  struct Ring;

  /// False when the ring has failed: what it has sent is settled, the rest of `batch` is kMore.
  bool send_through_ring(std::span<Sending> batch, SendBuffers& buffers);
  bool enable();
  /// Fills the ring with what is kMore from `next` on; returns where it stopped.
  std::size_t prepare(std::span<Sending> batch, std::size_t next);
  bool submit(SendBuffers& buffers);
  /// Books what has completed; returns how many that were.
  unsigned settle(SendBuffers& buffers);

  const Submit submit_;
  const std::size_t least_batch_;
  /// Null once it has failed.
  std::unique_ptr<Ring> ring_;
  /// Why it did; an errno.
  int failure_ = 0;
};

}  // namespace fairlead::net
