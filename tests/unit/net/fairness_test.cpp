// Who is served when, counted in turns.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loop.h"
#include "net/reactor.h"

using namespace fairlead::net;
using fairlead::MessageKind;
using fairlead::SystemClock;
using fairlead::net::test::HandClock;
using fairlead::net::test::kHandshake;
using fairlead::net::test::make_sender;
using fairlead::net::test::Peer;
using fairlead::net::test::socket_pair;
using fairlead::net::test::TestHandler;
using fairlead::net::test::text;

namespace {

constexpr std::chrono::milliseconds kNow{0};

/// Many WebSockets on one reactor, which is stepped turn by turn.
class Crowd {
 public:
  explicit Crowd(std::size_t count) : reactor(clock, {}, make_sender()) {
    handler.answer = [this](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
      exchange->upgrade("", 1 << 20, [this](std::unique_ptr<Transport> transport) {
        members.push_back(std::make_unique<Member>(*this, std::move(transport)));
        reactor.attach(*members.back()->transport, *members.back());
      });
    };
    for (std::size_t i = 0; i < count; ++i) {
      auto [ours, theirs] = socket_pair();
      reactor.serve(std::move(ours), handler);
      peers.emplace_back(std::move(theirs));
      peers.back().send(kHandshake);
      while (members.size() <= i) reactor.run_turn(kNow);
    }
    turns(3);
  }

  void turns(int count) {
    for (int i = 0; i < count; ++i) {
      reactor.run_turn(kNow);
      heard_by_turn.push_back(std::exchange(heard, {}));
    }
  }
  /// Whom the reactor heard in the turns since the last call, in order; checks that no turn heard
  /// more than `most`.
  std::vector<std::size_t> order(std::size_t most) {
    std::vector<std::size_t> all;
    for (const auto& turn : std::exchange(heard_by_turn, {})) {
      CHECK(turn.size() <= most);
      all.insert(all.end(), turn.begin(), turn.end());
    }
    return all;
  }

  struct Member final : MessageHandler {
    Member(Crowd& of, std::unique_ptr<Transport> mine)
        : crowd(of), number(of.members.size()), transport(std::move(mine)) {}
    void on_message(MessageKind, std::string_view) override { crowd.heard.push_back(number); }
    void on_sign_of_life() override {}
    void on_written() override {}
    void on_closed(const CloseInfo&) override {}
    Crowd& crowd;
    std::size_t number;
    std::unique_ptr<Transport> transport;
  };

  HandClock clock;
  TestHandler handler;
  Reactor reactor;
  std::vector<std::unique_ptr<Member>> members;
  std::vector<Peer> peers;
  std::vector<std::size_t> heard;
  std::vector<std::vector<std::size_t>> heard_by_turn;
};

}  // namespace

TEST_CASE(
    "one that floods is heard 64 times a turn, and each of the others in the very same turns") {
  constexpr std::size_t kOthers = 20;
  constexpr int kRounds = 10;
  Crowd crowd(1 + kOthers);
  std::string flood;
  for (int i = 0; i < 64 * (kRounds + 5); ++i) flood += text("x");
  REQUIRE(crowd.peers[0].send(flood) == flood.size());
  crowd.turns(1);
  crowd.heard_by_turn.clear();
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 1; i <= kOthers; ++i) crowd.peers[i].send(text("y"));
    crowd.turns(2);
    std::map<std::size_t, int> times;
    for (const std::size_t number : crowd.order(64 + kOthers)) ++times[number];
    for (std::size_t i = 1; i <= kOthers; ++i) CHECK(times[i] == 1);
    CHECK(times[0] > 0);
    CHECK(times[0] <= 2 * 64);
    if (times[0] < 2 * 64) break;
  }
}

TEST_CASE(
    "while reading is held nobody is heard; then all are, in bounded turns, longest held first") {
  constexpr std::size_t kCount = 600;
  Crowd crowd(kCount);
  crowd.heard_by_turn.clear();
  crowd.reactor.hold_reading(true);
  // Held up in this order.
  std::vector<std::size_t> expected;
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::size_t number = i * 7 % kCount;
    crowd.peers[number].send(text("z"));
    crowd.turns(1);
    expected.push_back(number);
  }
  CHECK(crowd.order(0).empty());
  const std::uint64_t reads = crowd.reactor.counters().reads;
  crowd.turns(5);
  CHECK(crowd.reactor.counters().reads == reads);
  crowd.heard_by_turn.clear();
  crowd.reactor.hold_reading(false);
  crowd.turns(6);
  const auto heard = crowd.order(Reactor::kGoingOnPerTurn);
  // Within a turn epoll says who comes first; each turn's share is the longest held.
  CHECK(heard.size() == kCount);
  for (std::size_t at = 0; at < kCount; at += Reactor::kGoingOnPerTurn) {
    const std::size_t end = std::min(at + Reactor::kGoingOnPerTurn, kCount);
    const auto share = [&](const std::vector<std::size_t>& of) {
      std::vector<std::size_t> part(of.begin() + static_cast<std::ptrdiff_t>(at),
                                    of.begin() + static_cast<std::ptrdiff_t>(end));
      std::ranges::sort(part);
      return part;
    };
    CHECK(share(heard) == share(expected));
  }
}

TEST_CASE("held again before all went on, those still waiting come before those heard already") {
  constexpr std::size_t kCount = 400;
  Crowd crowd(kCount);
  crowd.reactor.hold_reading(true);
  for (Peer& peer : crowd.peers) peer.send(text("1"));
  crowd.turns(3);
  crowd.heard_by_turn.clear();
  crowd.reactor.hold_reading(false);
  // One turn makes the first share ready, the next one reads it.
  crowd.turns(1);
  crowd.reactor.hold_reading(true);
  crowd.turns(2);
  CHECK(crowd.order(0).empty());
  for (int life = 0; life < 10; ++life) {
    crowd.reactor.hold_reading(false);
    crowd.turns(2);
    crowd.reactor.hold_reading(true);
    crowd.turns(1);
  }
  std::vector<std::size_t> heard = crowd.order(Reactor::kGoingOnPerTurn);
  std::ranges::sort(heard);
  REQUIRE(heard.size() == kCount);
  for (std::size_t i = 0; i < kCount; ++i) CHECK(heard[i] == i);
}

TEST_CASE(
    "what was read before reading was held is delivered afterwards, and a close is seen "
    "meanwhile") {
  Crowd crowd(2);
  std::string many;
  for (int i = 0; i < 200; ++i) many += text("m");
  crowd.peers[0].send(many);
  crowd.turns(1);
  // With its events, and once more behind everybody's.
  CHECK(crowd.order(128).size() == 128);
  crowd.reactor.hold_reading(true);
  crowd.turns(5);
  CHECK(crowd.order(0).empty());
  crowd.members[1]->transport->close(1000, "");
  crowd.peers[1].send(fairlead::net::test::frame(0x88, "\x03\xe8"));
  crowd.turns(3);
  crowd.peers[1].pump();
  CHECK(crowd.peers[1].is_at_end);
  crowd.reactor.hold_reading(false);
  crowd.turns(4);
  CHECK(crowd.order(64).size() == 72);
}

TEST_CASE("a reactor with nothing to do sleeps until something is due") {
  const SystemClock clock;
  Reactor reactor(clock, {}, make_sender());
  // Longer than Asio sleeps at a stretch.
  reactor.call_after(1200, [&] { reactor.stop(); });
  reactor.run();
  CHECK(reactor.counters().turns == 1);
}

TEST_CASE("a time-out of a connection ends the sleep of its reactor") {
  const SystemClock clock;
  Reactor reactor(clock, {.http = {.idle_timeout_ms = 30}}, make_sender());
  TestHandler handler;
  auto [ours, theirs] = socket_pair();
  reactor.serve(std::move(ours), handler);
  REQUIRE(reactor.connections() == 1);
  while (reactor.connections() > 0) reactor.run_turn(std::chrono::minutes(1));
  // The first may come before the deadline is due, for the socket's sake.
  CHECK(reactor.counters().turns <= 2);
}

TEST_CASE("a turn that was asked for comes though nothing happens, once") {
  const SystemClock clock;
  Reactor reactor(clock, {}, make_sender());
  int turns = 0;
  std::optional<std::int64_t> due;
  reactor.set_turn(
      [&] {
        due.reset();
        if (++turns == 1) due = clock.steady_ms() + 5;
        if (turns == 2) reactor.call_after(50, [&] { reactor.stop(); });
      },
      [&] { return due; });
  reactor.post([] {});
  reactor.run();
  CHECK(turns == 3);
}
