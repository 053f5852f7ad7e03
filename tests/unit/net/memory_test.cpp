// What sockets hold is told to the meter, and given up when there is too much of it.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "base/frame.h"
#include "base/memory_meter.h"
#include "loop.h"

using namespace fairlead::net;
using fairlead::make_frame;
using fairlead::MemoryKind;
using fairlead::MemoryMeter;
using fairlead::MessageKind;
using fairlead::net::test::frame;
using fairlead::net::test::Loop;

TEST_CASE("what waits for a peer is held until the peer takes it or the connection ends") {
  MemoryMeter meter(0);
  Loop loop({.memory = &meter});
  auto peer = loop.open_websocket();
  CHECK(meter.total() == 0);
  for (int i = 0; i < 50; ++i) {
    loop.session.transport->send(make_frame(MessageKind::kText, std::string(100'000, 'x')));
    loop.settle();
    CHECK(meter.held(MemoryKind::kQueued) ==
          static_cast<std::int64_t>(loop.session.transport->queued_bytes()));
  }
  CHECK(meter.held(MemoryKind::kQueued) > 2'000'000);
  loop.until([&] { return meter.total() == 0; }, {&peer});
  for (int i = 0; i < 50; ++i) {
    loop.session.transport->send(make_frame(MessageKind::kText, std::string(100'000, 'x')));
  }
  loop.settle();
  CHECK(meter.total() > 2'000'000);
  loop.session.transport.reset();
  loop.settle();
  CHECK(meter.total() == 0);
}

TEST_CASE("what the owner keeps for a peer counts beside what is queued, until the end") {
  MemoryMeter meter(0);
  Loop loop({.memory = &meter});
  auto peer = loop.open_websocket();
  loop.session.transport->set_kept_bytes(70'000);
  loop.settle();
  CHECK(meter.held(MemoryKind::kQueued) == 70'000);
  loop.session.transport->set_kept_bytes(1'000);
  loop.settle();
  CHECK(meter.held(MemoryKind::kQueued) == 1'000);
  loop.session.transport.reset();
  loop.settle();
  CHECK(meter.total() == 0);
}

TEST_CASE("a part of a message or of a request is held until the rest has come") {
  MemoryMeter meter(0);
  Loop loop({.memory = &meter});
  auto peer = loop.open_websocket();
  const std::string message = frame(0x81, std::string(50'000, 'x'));
  peer.send(std::string_view(message).substr(0, 40'000));
  loop.until([&] { return meter.held(MemoryKind::kReceived) > 39'000; });
  peer.send(std::string_view(message).substr(40'000));
  loop.until([&] { return meter.held(MemoryKind::kReceived) == 0; });
  CHECK(loop.session.events.size() == 1);
  auto upload = loop.connect();
  upload.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n" +
              std::string(30'000, 'x'));
  loop.until([&] { return meter.held(MemoryKind::kReceived) == 30'000; });
  upload.drop();
  loop.until([&] { return meter.held(MemoryKind::kReceived) == 0; });
}

TEST_CASE("over the bound the one who holds the most ends, and nobody else") {
  MemoryMeter meter(6'000'000);
  Loop loop({.memory = &meter});
  auto peer = loop.open_websocket();
  auto small = loop.connect();
  auto large = loop.connect();
  loop.handler.answer = [](const HttpRequest& request, const std::unique_ptr<Exchange>& exchange) {
    const std::size_t bytes = request.path == "/large" ? 5'000'000 : 1'000'000;
    exchange->respond({.status = 200, .headers = {}, .body = std::string(bytes, 'b')});
  };
  small.send("GET /small HTTP/1.1\r\nHost: h\r\n\r\n");
  large.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
  loop.until([&] { return meter.total() > 5'000'000; });
  loop.settle();
  CHECK(loop.reactor.connections() == 3);
  for (int i = 0; i < 20; ++i) {
    loop.session.transport->send(make_frame(MessageKind::kText, std::string(100'000, 'x')));
  }
  loop.until([&] { return loop.reactor.connections() == 2; });
  CHECK_FALSE(meter.is_over());
  loop.settle();
  CHECK(loop.reactor.connections() == 2);
  CHECK(loop.session.events.empty());
  loop.until([&] { return small.received.size() > 1'000'000; }, {&small});
  // Now the WebSocket is the one.
  for (int i = 0; i < 60; ++i) {
    loop.session.transport->send(make_frame(MessageKind::kText, std::string(100'000, 'x')));
  }
  loop.until([&] { return !loop.session.events.empty(); });
  CHECK(loop.session.events.front().starts_with("closed:1006"));
  CHECK(meter.total() == 0);
}
