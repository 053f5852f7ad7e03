#include "net/listener.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "loop.h"
#include "net/address.h"

using namespace fairlead::net;
using fairlead::net::test::Loop;
using fairlead::net::test::Peer;

namespace {

Socket connected_to(const std::string& address) {
  const auto parsed = Address::parse(address);
  REQUIRE(parsed.has_value());
  Socket socket(::socket(parsed->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.fd(), parsed->get(), parsed->size()) != 0) socket.close();
  if (socket.is_open()) {
    const timeval soon{.tv_sec = 0, .tv_usec = 1000};
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  }
  return socket;
}

std::unique_ptr<Listener> listen(const std::string& address = "127.0.0.1:0") {
  auto listener = Listener::open(address);
  REQUIRE(listener.has_value());
  return std::move(*listener);
}

constexpr std::string_view kGet = "GET /where HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace

TEST_CASE("port 0 takes a free port, which is told, and peers are known by address") {
  for (const std::string address : {"127.0.0.1:0", "[::1]:0", "localhost:0"}) {
    CAPTURE(address);
    Loop loop;
    std::string remote;
    loop.handler.answer = [&](const HttpRequest& request,
                              const std::unique_ptr<Exchange>& exchange) {
      remote = request.remote;
      exchange->respond({.status = 200, .headers = {}, .body = "here"});
    };
    const auto listener = listen(address);
    CHECK_FALSE(listener->local_address().ends_with(":0"));
    listener->watch(loop.reactor, loop.handler);
    Socket socket = connected_to(listener->local_address());
    const std::string local = Address::local(socket.fd()).text();
    Peer peer(std::move(socket));
    peer.send(kGet);
    loop.until([&] { return peer.has("here"); }, {&peer});
    CHECK(remote == local);
    CHECK(loop.reactor.counters().accepts == 1);
  }
}

TEST_CASE("an address that cannot be had is a clear error") {
  const auto first = listen();
  const auto busy = Listener::open(first->local_address());
  REQUIRE_FALSE(busy.has_value());
  CHECK(busy.error().message ==
        "cannot listen on " + first->local_address() + ": address already in use");
  for (const std::string address :
       {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "127.0.0.1:-1",
        "example.org:80", "::1:80", "[::1:80", "300.0.0.1:80"}) {
    CAPTURE(address);
    const auto bad = Listener::open(address);
    REQUIRE_FALSE(bad.has_value());
    CHECK(bad.error().message.starts_with("cannot listen on " + address + ": "));
  }
  CHECK_FALSE(Listener::open("192.0.2.1:0").has_value());
}

TEST_CASE("stop_accepting refuses new peers and keeps the old") {
  Loop loop;
  const auto listener = listen();
  listener->watch(loop.reactor, loop.handler);
  Peer peer(connected_to(listener->local_address()));
  peer.send(kGet);
  loop.until([&] { return peer.has("/where"); }, {&peer});
  listener->stop_accepting();
  loop.settle();
  CHECK_FALSE(connected_to(listener->local_address()).is_open());
  peer.received.clear();
  peer.send(kGet);
  loop.until([&] { return peer.has("/where"); }, {&peer});
}

TEST_CASE("over the bound of sockets a peer is told 503, until one has ended") {
  const fairlead::MemoryMeter memory(0);
  Gate gate({.sockets = 1}, memory);
  Loop loop;
  const auto listener = listen();
  listener->watch(loop.reactor, loop.handler, &gate);
  Peer first(connected_to(listener->local_address()));
  first.send(kGet);
  loop.until([&] { return first.has("/where"); }, {&first});
  Peer second(connected_to(listener->local_address()));
  loop.until([&] { return second.is_at_end; }, {&second});
  CHECK(second.received.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(second.has("Retry-After: "));
  CHECK(gate.refused(Refusal::kSockets) == 1);
  CHECK(gate.sockets() == 1);
  first.drop();
  loop.until([&] { return gate.sockets() == 0; });
  Peer third(connected_to(listener->local_address()));
  third.send(kGet);
  loop.until([&] { return third.has("/where"); }, {&third});
}

TEST_CASE("handshakes in progress are bounded, and a whole request ends one") {
  const fairlead::MemoryMeter memory(0);
  Gate gate({.handshakes = 1}, memory);
  Loop loop;
  const auto listener = listen();
  listener->watch(loop.reactor, loop.handler, &gate);
  Peer silent(connected_to(listener->local_address()));
  loop.until([&] { return gate.handshakes() == 1; });
  Peer second(connected_to(listener->local_address()));
  loop.until([&] { return second.is_at_end; }, {&second});
  CHECK(second.received.starts_with("HTTP/1.1 503 "));
  CHECK(gate.refused(Refusal::kHandshakes) == 1);
  silent.send(kGet);
  loop.until([&] { return silent.has("/where"); }, {&silent});
  CHECK(gate.handshakes() == 0);
  Peer third(connected_to(listener->local_address()));
  loop.until([&] { return gate.handshakes() == 1; });
  third.drop();
  loop.until([&] { return gate.handshakes() == 0; });
}

TEST_CASE("an upgraded socket is a handshake until its peer has shown who it is") {
  const fairlead::MemoryMeter memory(0);
  Gate gate({.handshakes = 10}, memory);
  Loop loop;
  auto [ours, theirs] = fairlead::net::test::socket_pair();
  Peer peer(std::move(theirs));
  loop.handler.answer = [&loop](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
    exchange->upgrade("", 1000, [&loop](std::unique_ptr<Transport> transport) {
      loop.session.transport = std::move(transport);
      loop.reactor.attach(*loop.session.transport, loop.session);
    });
  };
  loop.reactor.serve(std::move(ours), loop.handler, {}, *gate.admit(0));
  peer.send(fairlead::net::test::kHandshake);
  loop.until([&] { return peer.has("101 Switching"); }, {&peer});
  CHECK(gate.handshakes() == 1);
  loop.session.transport->settle();
  CHECK(gate.handshakes() == 0);
  CHECK(gate.sockets() == 1);
  loop.session.transport.reset();
  CHECK(gate.sockets() == 0);
}

TEST_CASE("one address has as many sockets as it may, and is told 429 then") {
  const fairlead::MemoryMeter memory(0);
  Gate gate({.per_address = 2}, memory);
  Loop loop;
  const auto listener = listen();
  listener->watch(loop.reactor, loop.handler, &gate);
  Peer first(connected_to(listener->local_address()));
  Peer second(connected_to(listener->local_address()));
  loop.until([&] { return gate.sockets() == 2; });
  Peer third(connected_to(listener->local_address()));
  loop.until([&] { return third.is_at_end; }, {&third});
  CHECK(third.received.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
  CHECK(third.has("Retry-After: "));
  CHECK(third.has(R"("code":"rate_limited")"));
  CHECK(gate.refused(Refusal::kAddress) == 1);
  first.drop();
  loop.until([&] { return gate.sockets() == 1; });
  Peer fourth(connected_to(listener->local_address()));
  fourth.send(kGet);
  loop.until([&] { return fourth.has("/where"); }, {&fourth});
}

TEST_CASE("while memory is over its bound nobody is let in") {
  fairlead::MemoryMeter memory(1000);
  Gate gate({}, memory);
  Loop loop;
  const auto listener = listen();
  listener->watch(loop.reactor, loop.handler, &gate);
  memory.add(fairlead::MemoryKind::kStore, 1000);
  Peer early(connected_to(listener->local_address()));
  loop.until([&] { return early.is_at_end; }, {&early});
  CHECK(early.received.starts_with("HTTP/1.1 503 "));
  memory.add(fairlead::MemoryKind::kStore, -1);
  Peer late(connected_to(listener->local_address()));
  late.send(kGet);
  loop.until([&] { return late.has("/where"); }, {&late});
}

TEST_CASE("without free descriptors accepting pauses and goes on") {
  Loop loop;
  const auto listener = listen();
  listener->watch(loop.reactor, loop.handler);
  Peer peer(connected_to(listener->local_address()));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  loop.settle();
  const std::uint64_t accepts = loop.reactor.counters().accepts;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(accepts == 0);
  peer.send(kGet);
  loop.settle({&peer});
  CHECK(peer.received.empty());
  loop.clock.at_ms += 100;
  loop.until([&] { return peer.has("/where"); }, {&peer});
}

TEST_CASE("several reactors accept from one listener") {
  Loop first;
  Loop second;
  const auto listener = listen();
  listener->watch(first.reactor, first.handler);
  listener->watch(second.reactor, second.handler);
  std::vector<Peer> peers;
  for (int i = 0; i < 20; ++i) {
    peers.emplace_back(connected_to(listener->local_address()));
    (i % 2 == 0 ? first : second).settle();
  }
  CHECK(first.reactor.counters().accepts + second.reactor.counters().accepts == 20);
  CHECK(first.reactor.counters().accepts > 0);
  CHECK(second.reactor.counters().accepts > 0);
}
