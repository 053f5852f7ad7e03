#include "net/websocket_connection.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/frame.h"
#include "loop.h"

using namespace fairlead::net;
using fairlead::make_frame;
using fairlead::MessageKind;
using fairlead::net::test::frame;
using fairlead::net::test::Loop;
using fairlead::net::test::Peer;
using fairlead::net::test::TestSession;
using fairlead::net::test::text;

namespace {

using Events = std::vector<std::string>;

std::string sent(std::string_view payload) {
  return std::string(make_frame(MessageKind::kText, payload)->wire());
}

const std::string kCloseFrame1000 = control_frame(Opcode::kClose, close_payload(1000, ""));

const std::string kMaskedClose1000 = frame(0x88, "\x03\xe8");

/// Does not read, so that what is sent to it waits in the queue.
void fill(Loop& loop, Peer& peer) {
  peer.is_reading = false;
  const auto big = make_frame(MessageKind::kBinary, std::string(4 << 20, 'f'));
  loop.session.transport->send(big);
  loop.settle();
  REQUIRE(loop.session.transport->queued_bytes() > 0);
}

}  // namespace

TEST_CASE("the handshake is answered as RFC 6455, 1.3 shows") {
  Loop loop;
  loop.handler.answer = [&](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    CHECK(exchange->is_upgrade());
    exchange->upgrade("chat", 100, [&](std::unique_ptr<Transport> transport) {
      loop.session.transport = std::move(transport);
      loop.reactor.attach(*loop.session.transport, loop.session);
    });
  };
  Peer peer = loop.connect();
  peer.send(fairlead::net::test::kHandshake);
  loop.until([&] { return peer.has("\r\n\r\n"); }, {&peer});
  CHECK(peer.received ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: chat\r\n\r\n");
}

TEST_CASE(
    "an answer to a handshake that is held back leaves with what is sent next, in one write") {
  Loop loop;
  loop.handler.answer = [&](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->upgrade("", 100, [&](std::unique_ptr<Transport> transport) {
      loop.session.transport = std::move(transport);
      loop.session.transport->hold_back();
      loop.reactor.attach(*loop.session.transport, loop.session);
    });
  };
  Peer peer = loop.connect();
  peer.send(fairlead::net::test::kHandshake);
  loop.until([&] { return loop.session.transport != nullptr; }, {&peer});
  loop.settle({&peer});
  CHECK(peer.received.empty());
  loop.session.transport->send(make_frame(MessageKind::kText, "welcome"));
  loop.until([&] { return peer.has("welcome"); }, {&peer});
  CHECK(peer.received.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(loop.reactor.counters().writes == 1);
}

TEST_CASE("bytes behind the handshake belong to the WebSocket") {
  Loop loop;
  Peer peer = loop.open_websocket(text("early") + text("bird"));
  loop.until([&] { return loop.session.events.size() == 2; });
  CHECK(loop.session.events == Events{"text:early", "text:bird"});
}

TEST_CASE("frames of one read are handled together and the answers leave in one write") {
  Loop loop;
  loop.session.message_hook = [&](MessageKind kind, std::string_view payload) {
    loop.session.transport->send(make_frame(kind, payload));
  };
  Peer peer = loop.open_websocket();
  const auto before = loop.reactor.counters();
  peer.send(text("a") + text("b") + frame(0x82, "c"));
  loop.until([&] { return peer.received.size() == 9; }, {&peer});
  CHECK(peer.received ==
        "\x81\x01"
        "a"
        "\x81\x01"
        "b"
        "\x82\x01"
        "c");
  CHECK(loop.reactor.counters().reads - before.reads == 1);
  CHECK(loop.reactor.counters().writes - before.writes == 1);
  CHECK(loop.session.signs_of_life == 3);
}

TEST_CASE("a message has at least 64 readable bytes behind it") {
  Loop loop;
  int sum = 0;
  loop.session.message_hook = [&](MessageKind, std::string_view payload) {
    for (int i = 0; i < 64; ++i)
      sum += payload.data()[payload.size() + static_cast<std::size_t>(i)];
  };
  Peer peer = loop.open_websocket();
  const std::string full = text(std::string(65536 - 8, 'x'));
  REQUIRE(full.size() == 65536);
  peer.send(full);
  loop.until([&] { return loop.session.events.size() == 1; });
  peer.send(frame(0x01, "in ") + frame(0x80, "parts"));
  loop.until([&] { return loop.session.events.size() == 2; });
  CHECK(sum < 1'000'000);
}

TEST_CASE("a message longer than any buffer arrives whole") {
  Loop loop;
  Peer peer = loop.open_websocket();
  const std::string payload(1 << 20, 'L');
  const std::string bytes = text(payload) + text("next");
  std::size_t at = 0;
  loop.until([&] {
    at += peer.send(std::string_view(bytes).substr(at));
    return loop.session.events.size() == 2;
  });
  CHECK(loop.session.events[0] == "text:" + payload);
  CHECK(loop.session.events[1] == "text:next");
  CHECK(loop.session.signs_of_life > 2);
}

TEST_CASE("send tells the position that written() reaches") {
  Loop loop;
  Peer peer = loop.open_websocket();
  Transport& transport = *loop.session.transport;
  const std::uint64_t begin = transport.written();
  CHECK(transport.send(make_frame(MessageKind::kText, "abc")) == begin + 5);
  CHECK(transport.send(make_frame(MessageKind::kText, "de")) == begin + 9);
  CHECK(transport.queued_bytes() == 9);
  loop.until([&] { return transport.written() == begin + 9; }, {&peer});
  CHECK(transport.queued_bytes() == 0);
  CHECK(loop.session.flushes >= 1);
}

TEST_CASE("a slow reader makes frames wait and gets them all in the end") {
  Loop loop;
  Peer peer = loop.open_websocket();
  const auto pool = std::make_shared<fairlead::FramePool>();
  auto shared = make_frame(MessageKind::kBinary, std::string(10'000, 's'), pool.get());
  peer.is_reading = false;
  std::uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) last = loop.session.transport->send(shared);
  loop.settle();
  CHECK(loop.session.transport->queued_bytes() > 0);
  CHECK(loop.session.transport->written() < last);
  peer.is_reading = true;
  loop.until([&] { return loop.session.transport->written() == last; }, {&peer});
  loop.until([&] { return peer.received.size() == 1000 * shared->wire().size(); }, {&peer});
  // Nobody holds it any more: its pool gives it out again.
  const fairlead::Frame* const sent = std::exchange(shared, nullptr).get();
  CHECK(make_frame(MessageKind::kText, "next", pool.get()).get() == sent);
}

TEST_CASE("a ping is answered with its payload") {
  Loop loop;
  Peer peer = loop.open_websocket();
  peer.send(frame(0x89, "one") + frame(0x89, "two") + frame(0x8A, "unasked"));
  loop.until([&] { return peer.received.size() == 10; }, {&peer});
  CHECK(peer.received == "\x8a\x03one\x8a\x03two");
  CHECK(loop.session.signs_of_life == 3);
  CHECK(loop.session.events.empty());
}

TEST_CASE("a peer that pings and does not read makes only the newest pong wait") {
  Loop loop;
  Peer peer = loop.open_websocket();
  fill(loop, peer);
  const std::uint64_t before = loop.session.transport->queued_bytes();
  for (int i = 0; i < 1000; ++i) {
    peer.send(frame(0x89, "ping" + std::to_string(i)));
    loop.reactor.run_turn(std::chrono::milliseconds(0));
  }
  loop.settle();
  CHECK(loop.session.transport->queued_bytes() <= before);
  peer.is_reading = true;
  loop.until([&] { return peer.received.ends_with("ping999"); }, {&peer});
  CHECK_FALSE(peer.has("ping998"));
}

TEST_CASE("ping sends a ping") {
  Loop loop;
  Peer peer = loop.open_websocket();
  loop.session.transport->ping();
  loop.until([&] { return peer.received.size() == 2; }, {&peer});
  CHECK(peer.received == std::string_view("\x89\x00", 2));
}

TEST_CASE("the peer's close is echoed with its code and told once") {
  Loop loop;
  Peer peer = loop.open_websocket();
  peer.send(text("last") +
            frame(0x88,
                  "\x03\xe8"
                  "bye") +
            text("ignored"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received == kCloseFrame1000);
  CHECK(loop.session.events == Events{"text:last", "closed:1000:bye:them"});
  CHECK(loop.session.transport->send(make_frame(MessageKind::kText, "x")) ==
        loop.session.transport->written());
}

TEST_CASE("the peer's FIN is waited for: bytes on their way to a closed socket would reset it") {
  Loop loop;
  Peer peer = loop.open_websocket();
  peer.send(kMaskedClose1000);
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received == kCloseFrame1000);
  CHECK(loop.reactor.connections() == 1);
}

TEST_CASE("behind a violation more may come, so the peer's FIN is waited for") {
  Loop loop;
  Peer peer = loop.open_websocket();
  peer.send(frame(0x83, "no such opcode"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(loop.reactor.connections() == 1);
}

TEST_CASE("a close without a code is 1005 and echoed without one") {
  Loop loop;
  Peer peer = loop.open_websocket();
  peer.send(frame(0x88, ""));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received == std::string_view("\x88\x00", 2));
  CHECK(loop.session.events == Events{"closed:1005::them"});
}

TEST_CASE("our close sends what is queued first and waits for the peer's") {
  Loop loop;
  Peer peer = loop.open_websocket();
  loop.session.transport->send(make_frame(MessageKind::kText, "last"));
  loop.session.transport->close(4401, "token expired");
  loop.session.transport->close(1000, "too late");
  peer.send(text("not delivered") + frame(0x89, "not answered"));
  const std::string expected =
      sent("last") + control_frame(Opcode::kClose, close_payload(4401, "token expired"));
  loop.until([&] { return peer.received == expected; }, {&peer});
  loop.settle({&peer});
  CHECK(loop.session.events.empty());
  peer.send(frame(0x88, "\x11\x31"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received == expected);
  CHECK(loop.session.events == Events{"closed:4401:token expired:us"});
}

TEST_CASE("a peer that does not answer our close is dropped after two seconds") {
  Loop loop;
  Peer peer = loop.open_websocket();
  loop.session.transport->close(1001, "");
  loop.settle({&peer});
  loop.clock.at_ms += 1'999;
  loop.settle({&peer});
  CHECK_FALSE(peer.is_at_end);
  loop.clock.at_ms += 1;
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(loop.session.events == Events{"closed:1001::us"});
}

TEST_CASE("a peer that neither reads nor answers our close is dropped too") {
  Loop loop;
  Peer peer = loop.open_websocket();
  fill(loop, peer);
  loop.session.transport->close(4410, "too slow");
  loop.settle();
  loop.clock.at_ms += 2'000;
  loop.until([&] { return loop.reactor.connections() == 0; });
  CHECK(loop.session.events == Events{"closed:4410:too slow:us"});
}

TEST_CASE("a violation is closed with its code, counted, and told as ours") {
  Loop loop;
  Peer peer = loop.open_websocket();
  peer.send(text("good") + frame(0x83, "") + std::string(100'000, 'x'));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received == control_frame(Opcode::kClose, close_payload(1002, "reserved opcode")));
  CHECK(loop.session.events ==
        Events{"text:good", "violation:1002:reserved opcode", "closed:1002:reserved opcode:us"});
  CHECK(loop.reactor.counters().protocol_errors.at(1002) == 1);
}

TEST_CASE("what is sent when a violation is told leaves before the close frame") {
  Loop loop;
  Peer peer = loop.open_websocket();
  loop.session.violation_hook = [&] {
    loop.session.transport->send(make_frame(MessageKind::kText, "why"));
  };
  peer.send(frame(0x83, ""));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received ==
        "\x81\x03why" + control_frame(Opcode::kClose, close_payload(1002, "reserved opcode")));
}

TEST_CASE("an owner may drop the connection when a violation is told") {
  Loop loop;
  Peer peer = loop.open_websocket();
  loop.session.violation_hook = [&] { loop.session.transport.reset(); };
  peer.send(frame(0x83, "") + text("behind"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.empty());
  CHECK(loop.session.events == Events{"violation:1002:reserved opcode"});
}

TEST_CASE("a message over the limit is closed with 1009") {
  Loop loop;
  loop.max_message_bytes = 10;
  Peer peer = loop.open_websocket();
  peer.send(text("12345678901"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(loop.session.events ==
        Events{"violation:1009:message too big", "closed:1009:message too big:us"});
}

TEST_CASE("a lost socket is 1006, once") {
  Loop loop;
  Peer peer = loop.open_websocket();
  peer.send(text("last words"));
  peer.drop();
  loop.until([&] { return loop.session.events.size() == 2; });
  loop.settle();
  CHECK(loop.session.events == Events{"text:last words", "closed:1006::them"});
  CHECK(loop.reactor.connections() == 0);
}

TEST_CASE("a socket lost while we close keeps our code") {
  Loop loop;
  Peer peer = loop.open_websocket();
  loop.session.transport->close(4403, "disabled");
  loop.settle({&peer});
  peer.drop();
  loop.until([&] { return !loop.session.events.empty(); });
  CHECK(loop.session.events == Events{"closed:4403:disabled:us"});
}

TEST_CASE("terminate drops the socket and tells later") {
  Loop loop;
  Peer peer = loop.open_websocket();
  loop.session.message_hook = [&](MessageKind, std::string_view) {
    loop.session.transport->terminate();
    CHECK(loop.session.events.size() == 1);
  };
  peer.send(text("a") + text("b"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.empty());
  CHECK(loop.session.events == Events{"text:a", "closed:1006::them"});
}

TEST_CASE("a paused connection delivers nothing until it goes on, then all, in order") {
  Loop loop;
  loop.session.message_hook = [&](MessageKind, std::string_view payload) {
    if (payload == "b") loop.session.transport->pause_reading();
  };
  Peer peer = loop.open_websocket();
  peer.send(text("a") + text("b") + text("c"));
  loop.until([&] { return loop.session.events.size() == 2; });
  peer.send(text("d"));
  loop.settle();
  const std::uint64_t turns = loop.reactor.counters().reads;
  loop.settle();
  CHECK(loop.session.events == Events{"text:a", "text:b"});
  CHECK(loop.reactor.counters().reads == turns);
  loop.session.transport->resume_reading();
  loop.until([&] { return loop.session.events.size() == 4; });
  CHECK(loop.session.events == Events{"text:a", "text:b", "text:c", "text:d"});
}

TEST_CASE("a pause that ends inside the same message goes on reading") {
  Loop loop;
  loop.session.message_hook = [&](MessageKind, std::string_view) {
    loop.session.transport->pause_reading();
    loop.session.transport->resume_reading();
  };
  Peer peer = loop.open_websocket();
  peer.send(text("one"));
  loop.until([&] { return loop.session.events.size() == 1; });
  peer.send(text("two"));
  loop.until([&] { return loop.session.events.size() == 2; });
  CHECK(loop.session.events == Events{"text:one", "text:two"});
}

TEST_CASE("a paused connection still closes orderly") {
  Loop loop;
  loop.session.message_hook = [&](MessageKind, std::string_view) {
    loop.session.transport->pause_reading();
  };
  Peer peer = loop.open_websocket();
  peer.send(text("a") + text("b"));
  loop.until([&] { return loop.session.events.size() == 1; });
  loop.settle();
  loop.session.transport->close(1012, "restart");
  peer.send(frame(0x88, "\x03\xf4"));
  loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(loop.session.events == Events{"text:a", "closed:1012:restart:us"});
}

TEST_CASE("a flood of messages is handled in portions, others in between") {
  Loop loop;
  Peer flood = loop.open_websocket();
  TestSession first = std::move(loop.session);
  auto flooded = std::make_unique<TestSession>();
  loop.session = TestSession{};
  std::string messages;
  for (int i = 0; i < 1000; ++i) messages += text("m");
  // The first connection's handler moved: give it one that stays.
  first.transport->hand_over([&](std::unique_ptr<Transport> transport) {
    flooded->transport = std::move(transport);
    loop.reactor.attach(*flooded->transport, *flooded);
  });
  loop.until([&] { return flooded->transport != nullptr; });
  flood.send(messages);
  loop.until([&] { return !flooded->events.empty(); });
  CHECK(flooded->events.size() <= 128);
  Peer other = loop.open_websocket(text("mine"));
  loop.until([&] { return loop.session.events == Events{"text:mine"}; });
  CHECK(flooded->events.size() < 1000);
  loop.until([&] { return flooded->events.size() == 1000; });
}

TEST_CASE("a transport may be destroyed in any callback") {
  for (const std::string_view moment : {"message", "closed", "outside"}) {
    CAPTURE(moment);
    Loop loop;
    const auto destroy = [&] { loop.session.transport.reset(); };
    if (moment == "message") {
      loop.session.message_hook = [&](MessageKind, std::string_view) { destroy(); };
    }
    if (moment == "closed") loop.session.closed_hook = destroy;
    Peer peer = loop.open_websocket();
    peer.send(text("a") + text("b") + frame(0x88, ""));
    if (moment == "outside") {
      loop.session.transport->send(make_frame(MessageKind::kText, "unsent"));
      destroy();
    }
    loop.until([&] { return peer.is_at_end; }, {&peer});
    CHECK(loop.session.transport == nullptr);
  }
}
