// What both senders must do alike, and how the ring fails.
#include "net/uring_sender.h"

#include <doctest/doctest.h>
#include <liburing.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/frame.h"
#include "loop.h"
#include "net/senders.h"

using namespace fairlead::net;
using fairlead::Code;
using fairlead::fail;
using fairlead::make_frame;
using fairlead::MessageKind;
using fairlead::Result;
using fairlead::net::test::Peer;
using fairlead::net::test::socket_pair;
using Outcome = SendQueue::Outcome;

namespace {

/// Queues on sockets, whose other ends the test reads.
class Rig {
 public:
  explicit Rig(std::size_t count) : queues(count) {
    for (std::size_t i = 0; i < count; ++i) {
      auto [ours, theirs] = socket_pair();
      sockets.push_back(std::move(ours));
      peers.emplace_back(std::move(theirs));
    }
  }

  std::vector<Sending> batch() {
    std::vector<Sending> batch(queues.size());
    for (std::size_t i = 0; i < queues.size(); ++i) {
      batch[i] = {.socket = &sockets[i], .queue = &queues[i]};
    }
    return batch;
  }

  /// Sends until no queue has anything left, reading all the while.
  void send_all(Sender& sender) {
    for (int turn = 0; turn < 10'000; ++turn) {
      auto sending = batch();
      sender.send(sending, buffers);
      bool is_done = true;
      for (std::size_t i = 0; i < queues.size(); ++i) {
        peers[i].pump();
        is_done = is_done && queues[i].is_empty();
      }
      if (is_done) return;
    }
    FAIL("the queues do not drain");
  }

  SendBuffers buffers;
  std::vector<Socket> sockets;
  std::vector<Peer> peers;
  std::vector<SendQueue> queues;
};

/// Text of a length that is another each time, so that a gap or a repetition shows.
std::string some_text(std::size_t number) {
  return std::to_string(number) + std::string(number % 97, static_cast<char>('a' + number % 26));
}

std::string fill(Rig& rig, std::size_t frames) {
  std::string wire;
  for (std::size_t i = 0; i < frames; ++i) {
    const auto frame = make_frame(MessageKind::kText, some_text(i));
    wire += frame->wire();
    for (SendQueue& queue : rig.queues) queue.push(frame, rig.buffers);
  }
  return wire;
}

std::vector<std::unique_ptr<Sender>> both_senders() {
  std::vector<std::unique_ptr<Sender>> senders;
  senders.push_back(std::make_unique<PlainSender>());
  auto ring = UringSender::open();
  if (ring) senders.push_back(std::move(*ring));
  if (!ring) MESSAGE("not tested with io_uring: ", ring.error().message);
  return senders;
}

bool has_ring() { return UringSender::probe().has_value(); }

}  // namespace

TEST_CASE("a batch leaves whole and in order, whatever sends it") {
  for (const auto& sender : both_senders()) {
    CAPTURE(sender->name());
    // More sockets than the ring has entries, more frames than one call takes.
    Rig rig(300);
    const std::string wire = fill(rig, SendQueue::kMaxPieces + 3);
    auto batch = rig.batch();
    sender->send(batch, rig.buffers);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      CHECK(batch[i].outcome == Outcome::kDrained);
      CHECK(batch[i].bytes == wire.size());
      rig.peers[i].pump();
      CHECK(rig.peers[i].received == wire);
    }
  }
}

TEST_CASE("what a full socket does not take stays in its queue, and the others are served") {
  for (const auto& sender : both_senders()) {
    CAPTURE(sender->name());
    Rig rig(3);
    const std::string big(4'000'000, 'x');
    rig.queues[1].push(big, rig.buffers);
    rig.queues[0].push("first", rig.buffers);
    rig.queues[2].push("last", rig.buffers);
    auto batch = rig.batch();
    sender->send(batch, rig.buffers);
    CHECK(batch[0].outcome == Outcome::kDrained);
    CHECK(batch[1].outcome == Outcome::kBlocked);
    CHECK(batch[1].bytes > 0);
    CHECK(batch[1].bytes == rig.queues[1].written());
    CHECK(batch[2].outcome == Outcome::kDrained);
    batch = rig.batch();
    sender->send(batch, rig.buffers);
    CHECK(batch[1].outcome == Outcome::kBlocked);
    CHECK(batch[1].bytes == 0);
    rig.send_all(*sender);
    CHECK(rig.peers[0].received == "first");
    CHECK(rig.peers[1].received == big);
    CHECK(rig.peers[2].received == "last");
  }
}

TEST_CASE("a socket that is gone is lost, and raises no signal") {
  for (const auto& sender : both_senders()) {
    CAPTURE(sender->name());
    Rig rig(2);
    rig.queues[0].push("nobody", rig.buffers);
    rig.queues[1].push("somebody", rig.buffers);
    rig.peers[0].drop();
    auto batch = rig.batch();
    sender->send(batch, rig.buffers);
    CHECK(batch[0].outcome == Outcome::kLost);
    CHECK(batch[1].outcome == Outcome::kDrained);
  }
}

TEST_CASE("one queue is sent from no longer than its share of a turn") {
  for (const auto& sender : both_senders()) {
    CAPTURE(sender->name());
    constexpr std::size_t kShare =
        SendQueue::kMaxPieces * static_cast<std::size_t>(SendQueue::kMaxCalls);
    Rig rig(2);
    for (std::size_t i = 0; i < kShare + 1; ++i) rig.queues[0].push_constant("x", rig.buffers);
    rig.queues[1].push("y", rig.buffers);
    auto batch = rig.batch();
    sender->send(batch, rig.buffers);
    CHECK(batch[0].outcome == Outcome::kMore);
    CHECK(batch[0].bytes == kShare);
    CHECK(batch[1].outcome == Outcome::kDrained);
  }
}

TEST_CASE("entries of a batch without a queue are left alone") {
  for (const auto& sender : both_senders()) {
    Rig rig(3);
    for (SendQueue& queue : rig.queues) queue.push("x", rig.buffers);
    auto batch = rig.batch();
    batch[1] = {};
    sender->send(batch, rig.buffers);
    CHECK(batch[1].bytes == 0);
    CHECK(rig.queues[1].waiting() == 1);
    CHECK(rig.queues[2].is_empty());
  }
}

TEST_CASE("a ring that refuses a submission is replaced, and no byte is lost or doubled") {
  if (!has_ring()) return;
  for (const int refused_call : {1, 2, 3}) {
    CAPTURE(refused_call);
    int calls = 0;
    auto sender = UringSender::open([&](io_uring& ring, unsigned wait_for) {
      return ++calls == refused_call ? -ENOMEM : io_uring_submit_and_wait(&ring, wait_for);
    });
    REQUIRE(sender.has_value());
    Rig rig(300);
    const std::string wire = fill(rig, 2 * SendQueue::kMaxPieces);
    rig.send_all(**sender);
    CHECK((*sender)->name() == "epoll");
    CHECK(calls == refused_call);
    for (const Peer& peer : rig.peers) CHECK(peer.received == wire);
  }
}

TEST_CASE("a ring that fails after it has sent is replaced, and no byte is lost or doubled") {
  if (!has_ring()) return;
  auto sender = UringSender::open([](io_uring& ring, unsigned wait_for) {
    CHECK(io_uring_submit_and_wait(&ring, wait_for) == static_cast<int>(wait_for));
    return -EBADF;
  });
  REQUIRE(sender.has_value());
  Rig rig(300);
  const std::string wire = fill(rig, 2 * SendQueue::kMaxPieces);
  rig.send_all(**sender);
  for (const Peer& peer : rig.peers) CHECK(peer.received == wire);
}

TEST_CASE("a submission that a signal disturbs is tried again") {
  if (!has_ring()) return;
  int calls = 0;
  auto sender = UringSender::open([&](io_uring& ring, unsigned wait_for) {
    return ++calls % 2 == 1 ? -EINTR : io_uring_submit_and_wait(&ring, wait_for);
  });
  REQUIRE(sender.has_value());
  Rig rig(3);
  const std::string wire = fill(rig, 1);
  rig.send_all(**sender);
  CHECK((*sender)->name() == "uring");
  for (const Peer& peer : rig.peers) CHECK(peer.received == wire);
}

TEST_CASE("a ring belongs to the thread that sent first; on another it falls back by itself") {
  if (!has_ring()) return;
  auto sender = UringSender::open();
  REQUIRE(sender.has_value());
  Rig rig(3);
  std::string wire;
  std::thread([&] {
    wire = fill(rig, 2);
    rig.send_all(**sender);
    CHECK((*sender)->name() == "uring");
  }).join();
  wire += fill(rig, 2);
  rig.send_all(**sender);
  CHECK((*sender)->name() == "epoll");
  for (const Peer& peer : rig.peers) CHECK(peer.received == wire);
}

TEST_CASE("where io_uring does not work, auto goes without it and uring says why") {
  const UringProbe forbidden = []() -> Result<void> {
    return fail(Code::kInternal, "forbidden here");
  };
  const auto automatic = make_senders(Io::kAuto, 3, forbidden);
  REQUIRE(automatic.has_value());
  REQUIRE(automatic->each.size() == 3);
  CHECK(automatic->each[2]->name() == "epoll");
  CHECK(automatic->why_epoll == "forbidden here");
  const auto demanded = make_senders(Io::kUring, 3, forbidden);
  REQUIRE_FALSE(demanded.has_value());
  CHECK(demanded.error().message == "forbidden here");
  const auto plain = make_senders(Io::kEpoll, 1, forbidden);
  REQUIRE(plain.has_value());
  CHECK(plain->each[0]->name() == "epoll");
  CHECK(plain->why_epoll.empty());
}

TEST_CASE("where io_uring works, auto takes it for every reactor") {
  if (!has_ring()) return;
  const auto senders = make_senders(Io::kAuto, 3);
  REQUIRE(senders.has_value());
  REQUIRE(senders->each.size() == 3);
  for (const auto& sender : senders->each) CHECK(sender->name() == "uring");
  CHECK(senders->why_epoll.empty());
}
