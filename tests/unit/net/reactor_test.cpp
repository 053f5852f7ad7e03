#include "net/reactor.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/frame.h"
#include "loop.h"

using namespace fairlead::net;
using fairlead::make_frame;
using fairlead::MessageKind;
using fairlead::SystemClock;
using fairlead::net::test::HandClock;
using fairlead::net::test::Loop;
using fairlead::net::test::make_sender;
using fairlead::net::test::Peer;
using fairlead::net::test::TestSession;
using fairlead::net::test::text;

namespace {

using Events = std::vector<std::string>;
constexpr std::chrono::milliseconds kNow{0};

}  // namespace

TEST_CASE("tasks posted from many threads all run, in the order of each thread") {
  constexpr int kThreads = 4;
  constexpr int kTasks = 2000;
  const SystemClock clock;
  Reactor reactor(clock, {}, make_sender());
  std::vector<int> last(kThreads, -1);
  int total = 0;
  bool is_in_order = true;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        reactor.post([&, t, i] {
          is_in_order = is_in_order && last[static_cast<std::size_t>(t)] == i - 1;
          last[static_cast<std::size_t>(t)] = i;
          if (++total == kThreads * kTasks) reactor.stop();
        });
      }
    });
  }
  reactor.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(total == kThreads * kTasks);
  CHECK(is_in_order);
}

TEST_CASE("stop ends run from another thread, also before it began") {
  const SystemClock clock;
  Reactor reactor(clock, {}, make_sender());
  std::thread runner([&] { reactor.run(); });
  reactor.stop();
  runner.join();
  reactor.run();
}

TEST_CASE("a task posted by a task runs in a later turn") {
  const HandClock clock;
  Reactor reactor(clock, {}, make_sender());
  int runs = 0;
  reactor.post([&] {
    ++runs;
    reactor.post([&] { ++runs; });
  });
  reactor.run_turn(kNow);
  CHECK(runs == 1);
  reactor.run_turn(kNow);
  CHECK(runs == 2);
}

TEST_CASE("the end of a turn comes behind what was handled and before what is sent") {
  Loop loop;
  Events order;
  loop.session.message_hook = [&](MessageKind, std::string_view) { order.emplace_back("message"); };
  Peer peer = loop.open_websocket();
  loop.reactor.set_turn(
      [&] {
        order.emplace_back("end");
        if (order.size() == 2) {
          loop.session.transport->send(make_frame(MessageKind::kText, "x"));
        }
      },
      nullptr);
  peer.send(text("a"));
  loop.reactor.run_turn(std::chrono::milliseconds(1000));
  CHECK(order == Events{"message", "end"});
  peer.pump();
  CHECK(peer.received == "\x81\x01x");
}

TEST_CASE("timers run when their time has come, in its order") {
  HandClock clock;
  Reactor reactor(clock, {}, make_sender());
  Events ran;
  reactor.call_after(20, [&] { ran.emplace_back("b"); });
  reactor.call_after(10, [&] { ran.emplace_back("a"); });
  const auto cancelled = reactor.call_after(15, [&] { ran.emplace_back("cancelled"); });
  int ticks = 0;
  reactor.call_every(7, [&] { return ++ticks < 3; });
  reactor.cancel(cancelled);
  clock.at_ms += 9;
  reactor.run_turn(kNow);
  CHECK(ran.empty());
  CHECK(ticks == 1);
  clock.at_ms += 11;
  reactor.run_turn(kNow);
  CHECK(ran == Events{"a", "b"});
  CHECK(ticks == 2);
  for (int i = 0; i < 10; ++i) {
    clock.at_ms += 7;
    reactor.run_turn(kNow);
  }
  CHECK(ticks == 3);
}

TEST_CASE("a timer wakes a sleeping reactor") {
  const SystemClock clock;
  Reactor reactor(clock, {}, make_sender());
  reactor.call_after(5, [&] { reactor.stop(); });
  reactor.run();
}

TEST_CASE("a timer set by a timer for now does not hold up the turn") {
  HandClock clock;
  Reactor reactor(clock, {}, make_sender());
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    reactor.call_after(0, [&] { again(); });
  };
  reactor.call_after(0, [&] { again(); });
  reactor.run_turn(kNow);
  CHECK(runs == 1);
  reactor.run_turn(kNow);
  CHECK(runs == 2);
}

TEST_CASE("a transport moves to another reactor with what was read and not delivered") {
  Loop from;
  Loop to;
  TestSession second;
  from.session.message_hook = [&](MessageKind, std::string_view payload) {
    from.session.transport->send(make_frame(MessageKind::kText, payload));
    if (payload != "auth") return;
    from.session.transport->hand_over([&](std::unique_ptr<Transport> transport) {
      from.session.transport.reset();
      second.transport = std::move(transport);
    });
  };
  Peer peer = from.open_websocket();
  peer.send(text("first") + text("auth") + text("rest") + text("more").substr(0, 7));
  from.until([&] { return second.transport != nullptr; });
  CHECK(from.session.events == Events{"text:first", "text:auth"});
  CHECK(from.reactor.connections() == 0);
  second.transport->send(make_frame(MessageKind::kText, "welcome"));
  to.reactor.attach(*second.transport, second);
  CHECK(second.events.empty());
  to.until([&] { return second.events.size() == 1; });
  peer.send(text("more").substr(7));
  to.until([&] { return second.events.size() == 2; });
  CHECK(second.events == Events{"text:rest", "text:more"});
  to.until([&] { return peer.received.size() == 22; }, {&peer});
  CHECK(peer.received ==
        "\x81\x05"
        "first"
        "\x81\x04"
        "auth"
        "\x81\x07"
        "welcome");
}

TEST_CASE("a close or a loss while a transport is on its way is told to its new owner") {
  for (const bool is_close : {true, false}) {
    CAPTURE(is_close);
    Loop from;
    Loop to;
    TestSession second;
    Peer peer = from.open_websocket();
    from.session.transport->hand_over(
        [&](std::unique_ptr<Transport> transport) { second.transport = std::move(transport); });
    if (is_close) from.session.transport->close(4401, "expired");
    if (!is_close) from.session.transport->terminate();
    from.until([&] { return second.transport != nullptr; });
    to.reactor.attach(*second.transport, second);
    peer.send(fairlead::net::test::frame(0x88, "\x11\x31"));
    to.until([&] { return peer.is_at_end; }, {&peer});
    CHECK(second.events == Events{is_close ? "closed:4401:expired:us" : "closed:1006::them"});
    CHECK(from.session.events.empty());
  }
}

TEST_CASE("transports wander between two running reactors without losing a message") {
  constexpr int kMessages = 400;
  const SystemClock clock;
  Reactor reactors[2] = {Reactor(clock, {}, make_sender()), Reactor(clock, {}, make_sender())};
  int received = 0;
  bool is_in_order = true;
  std::unique_ptr<Transport> transport;
  struct Wanderer final : MessageHandler {
    std::function<void(std::string_view)> hook;
    void on_message(MessageKind, std::string_view payload) override { hook(payload); }
    void on_sign_of_life() override {}
    void on_written() override {}
    void on_closed(const CloseInfo&) override {}
  } wanderer;
  int at = 0;
  wanderer.hook = [&](std::string_view payload) {
    is_in_order = is_in_order && payload == std::to_string(received);
    if (++received == kMessages) {
      reactors[0].stop();
      reactors[1].stop();
      return;
    }
    transport->send(make_frame(MessageKind::kText, payload));
    transport->hand_over([&](std::unique_ptr<Transport> moved) {
      at = 1 - at;
      reactors[at].post([&, moved = std::move(moved)]() mutable {
        transport = std::move(moved);
        reactors[at].attach(*transport, wanderer);
      });
    });
  };
  fairlead::net::test::TestHandler handler;
  handler.answer = [&](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->upgrade("", 1000, [&](std::unique_ptr<Transport> opened) {
      transport = std::move(opened);
      reactors[0].attach(*transport, wanderer);
    });
  };
  auto [ours, theirs] = fairlead::net::test::socket_pair();
  reactors[0].serve(std::move(ours), handler);
  Peer peer(std::move(theirs));
  std::string bytes(fairlead::net::test::kHandshake);
  for (int i = 0; i < kMessages; ++i) bytes += text(std::to_string(i));
  REQUIRE(peer.send(bytes) == bytes.size());
  std::thread other([&] { reactors[1].run(); });
  reactors[0].run();
  other.join();
  CHECK(received == kMessages);
  CHECK(is_in_order);
  transport.reset();
}

TEST_CASE("a reactor may end with connections, tasks and timers open") {
  HandClock clock;
  TestSession session;
  std::vector<Peer> peers;
  {
    Loop loop;
    Peer peer = loop.open_websocket();
    session.transport = std::move(loop.session.transport);
    peers.push_back(std::move(peer));
    peers.push_back(loop.connect());
    loop.reactor.post([] {});
    loop.reactor.call_after(1000, [] {});
  }
  session.transport->send(make_frame(MessageKind::kText, "nobody"));
  session.transport->close(1000, "");
}
