#include "net/uring_sender.h"

#include <liburing.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace fairlead::net {
namespace {

constexpr auto kMore = SendQueue::Outcome::kMore;
/// Completes at once or not at all: no entry is ever put aside with its buffers.
constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
/// Sends in one system call.
constexpr unsigned kEntries = 256;
/// Pieces of all of them together.
constexpr std::size_t kPieces = 4096;
static_assert(kPieces >= SendQueue::kMaxPieces, "one queue's call fits in any case");
/// A call that a signal disturbed, or that the kernel cut short, is repeated so often.
constexpr int kMaxTries = 16;

Error refusal(int error) {
  std::string_view why = "";
  if (error == EPERM || error == EACCES) {
    why = ": forbidden by a sandbox or by kernel.io_uring_disabled";
  } else if (error == ENOSYS || error == EINVAL) {
    why = ": the kernel is older than 6.1, or built without it";
  } else if (error == ENOMEM) {
    why = ": out of memory, or over the limit of locked memory";
  }
  return {.code = Code::kInternal,
          .message = fmt::format("io_uring is not available ({}{})", std::strerror(error), why)};
}

int submit_and_wait(io_uring& ring, unsigned wait_for) {
  return io_uring_submit_and_wait(&ring, wait_for);
}

bool is_secured(const Sending& sending) {
  return sending.queue != nullptr && sending.socket->is_tls();
}

}  // namespace

struct UringSender::Ring {
  /// What one entry of the running submission sends.
  struct Slot {
    Sending* sending = nullptr;
    std::size_t wanted = 0;
    msghdr message{};
  };

  Ring() = default;
  ~Ring() {
    if (is_open) io_uring_queue_exit(&ring);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  io_uring ring{};
  bool is_open = false;
  bool is_enabled = false;
  std::array<Slot, kEntries> slots{};
  std::size_t slots_used = 0;
  std::vector<iovec> pieces = std::vector<iovec>(kPieces);
  std::size_t pieces_used = 0;
};

UringSender::UringSender(Submit submit, std::size_t least_batch)
    : submit_(submit ? std::move(submit) : Submit(submit_and_wait)),
      least_batch_(least_batch),
      ring_(std::make_unique<Ring>()) {}

UringSender::~UringSender() = default;

Result<std::unique_ptr<UringSender>> UringSender::open(Submit submit, std::size_t least_batch) {
  auto sender = std::make_unique<UringSender>(std::move(submit), least_batch);
  io_uring_params parameters{};
  // Begun disabled, it belongs to the thread that enables it; all of a batch is submitted, also
  // what comes behind an entry that is refused.
  parameters.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
                     IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  const int made = io_uring_queue_init_params(kEntries, &sender->ring_->ring, &parameters);
  if (made < 0) return std::unexpected(refusal(-made));
  sender->ring_->is_open = true;
  return sender;
}

Result<void> UringSender::probe() {
  auto sender = open();
  if (!sender) return std::unexpected(sender.error());
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Code::kInternal, "socketpair: {}", std::strerror(errno));
  }
  const std::array<Socket, 2> sockets{Socket(ends[0]), Socket(ends[1])};
  SendBuffers buffers;
  std::array<SendQueue, 2> queues;
  std::array<Sending, 2> batch;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    queues[i].push_constant("probe", buffers);
    batch[i] = {.socket = &sockets[i], .queue = &queues[i]};
  }
  (*sender)->send(batch, buffers);
  if ((*sender)->failure_ != 0) return std::unexpected(refusal((*sender)->failure_));
  return {};
}

std::string_view UringSender::name() const { return ring_ ? "uring" : "epoll"; }

void UringSender::send(std::span<Sending> batch, SendBuffers& buffers) {
  if (ring_ && batch.size() >= least_batch_) {
    // What TLS makes of the bytes is not the kernel's to send from the queue.
    for (Sending& sending : batch) {
      if (is_secured(sending)) PlainSender::send_one(sending, buffers);
    }
    if (send_through_ring(batch, buffers)) return;
    spdlog::warn("{}: going on without it", refusal(failure_).message);
    // Closed first: nothing that it was still to send may be sent now.
    ring_.reset();
  }
  for (Sending& sending : batch) {
    if (sending.queue != nullptr && sending.outcome == kMore)
      PlainSender::send_one(sending, buffers);
  }
}

bool UringSender::send_through_ring(std::span<Sending> batch, SendBuffers& buffers) {
  if (!enable()) return false;
  for (int call = 0; call < SendQueue::kMaxCalls; ++call) {
    bool is_any_left = false;
    for (std::size_t next = 0; next < batch.size();) {
      next = prepare(batch, next);
      is_any_left = is_any_left || ring_->slots_used > 0;
      if (!submit(buffers)) return false;
    }
    if (!is_any_left) break;
  }
  return true;
}

bool UringSender::enable() {
  if (std::exchange(ring_->is_enabled, true)) return true;
  // io_uring_enable_rings, which Debian's liburing declares and does not export.
  const int enabled = io_uring_register(static_cast<unsigned>(ring_->ring.ring_fd),
                                        IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  if (enabled < 0) {
    failure_ = -enabled;
    return false;
  }
  // Saves looking the descriptor up in each call; it goes without as well.
  io_uring_register_ring_fd(&ring_->ring);
  return true;
}

std::size_t UringSender::prepare(std::span<Sending> batch, std::size_t next) {
  Ring& ring = *ring_;
  ring.slots_used = 0;
  ring.pieces_used = 0;
  for (; next < batch.size(); ++next) {
    Sending& sending = batch[next];
    if (sending.queue == nullptr || sending.outcome != kMore || is_secured(sending)) continue;
    const auto free = std::span(ring.pieces).subspan(ring.pieces_used);
    if (ring.slots_used == kEntries || free.size() < SendQueue::kMaxPieces) break;
    const SendQueue::Offer offer = sending.queue->offer(free);
    if (offer.pieces == 0) {
      sending.outcome = SendQueue::Outcome::kDrained;
      continue;
    }
    Ring::Slot& slot = ring.slots[ring.slots_used];
    slot.sending = &sending;
    slot.wanted = offer.bytes;
    io_uring_sqe* const entry = io_uring_get_sqe(&ring.ring);
    FAIRLEAD_ASSERT(entry != nullptr);
    const int fd = sending.socket->fd();
    if (offer.pieces == 1) {
      io_uring_prep_send(entry, fd, free[0].iov_base, free[0].iov_len, kFlags);
    } else {
      slot.message = {};
      slot.message.msg_iov = free.data();
      slot.message.msg_iovlen = offer.pieces;
      io_uring_prep_sendmsg(entry, fd, &slot.message, kFlags);
    }
    io_uring_sqe_set_data64(entry, ring.slots_used);
    ++ring.slots_used;
    ring.pieces_used += offer.pieces;
  }
  return next;
}

bool UringSender::submit(SendBuffers& buffers) {
  auto left = static_cast<unsigned>(ring_->slots_used);
  for (int tries = 0; left > 0; ++tries) {
    const int submitted = submit_(ring_->ring, left);
    const unsigned settled = settle(buffers);
    left -= settled;
    if (left == 0) break;
    const bool may_try_again = submitted >= 0 || submitted == -EINTR || submitted == -EAGAIN;
    if (!may_try_again || tries == kMaxTries) {
      failure_ = submitted < 0 ? -submitted : EIO;
      return false;
    }
  }
  return true;
}

unsigned UringSender::settle(SendBuffers& buffers) {
  unsigned settled = 0;
  io_uring_cqe* completion = nullptr;
  while (io_uring_peek_cqe(&ring_->ring, &completion) == 0) {
    const Ring::Slot& slot = ring_->slots[io_uring_cqe_get_data64(completion)];
    Sending& sending = *slot.sending;
    const IoResult result = IoResult::of_send(completion->res);
    sending.bytes += result.bytes;
    sending.outcome = sending.queue->settle(result, slot.wanted, buffers);
    io_uring_cqe_seen(&ring_->ring, completion);
    ++settled;
  }
  return settled;
}

}  // namespace fairlead::net
