#include "net/newcomer.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "net/address.h"
#include "net/listener.h"
#include "tls_peer.h"

using namespace fairlead::net;
using namespace fairlead::net::test;

namespace {

constexpr std::string_view kGet = "GET /where HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kHeader = "PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n";

/// A server that takes PROXY headers from `proxies`, and answers with the client's address.
struct Behind {
  explicit Behind(const std::string& proxies, std::shared_ptr<const TlsCredentials> tls = {}) {
    auto opened = Listener::open("127.0.0.1:0");
    REQUIRE(opened.has_value());
    listener = std::move(*opened);
    loop.handler.answer = [](const HttpRequest& request,
                             const std::unique_ptr<Exchange>& exchange) {
      exchange->respond({.status = 200, .headers = {}, .body = "<" + request.remote + ">"});
    };
    listener->watch(loop.reactor, loop.handler, {},
                    {.tls = std::move(tls),
                     .proxies_with_header = *TrustedProxies::make({proxies}),
                     .timeout_ms = 1000});
  }

  Peer connect() {
    const auto address = Address::parse(listener->local_address());
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.fd(), address->get(), address->size()) == 0);
    const timeval soon{.tv_sec = 0, .tv_usec = 1000};
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    own = Address::local(socket.fd()).text();
    return Peer(std::move(socket));
  }

  Loop loop;
  std::unique_ptr<Listener> listener;
  std::string own;
};

}  // namespace

TEST_CASE("a PROXY header tells the client, also in pieces and with the request behind it") {
  Behind world("127.0.0.0/8");
  Peer whole = world.connect();
  whole.send(std::string(kHeader) + std::string(kGet));
  world.loop.until([&] { return whole.has("<203.0.113.9:4711>"); }, {&whole});
  Peer pieces = world.connect();
  for (const char octet : std::string(kHeader) + std::string(kGet)) {
    pieces.send({&octet, 1});
    world.loop.reactor.run_turn(std::chrono::milliseconds(1));
  }
  world.loop.until([&] { return pieces.has("<203.0.113.9:4711>"); }, {&pieces});
}

TEST_CASE("a proxy that speaks for itself is the client") {
  Behind world("127.0.0.0/8");
  Peer peer = world.connect();
  peer.send("PROXY UNKNOWN\r\n" + std::string(kGet));
  world.loop.until([&] { return peer.has("<" + world.own + ">"); }, {&peer});
}

TEST_CASE("a trusted proxy without a header is cut off") {
  Behind world("127.0.0.0/8");
  Peer peer = world.connect();
  peer.send(kGet);
  world.loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(peer.received.empty());
  CHECK(world.loop.reactor.counters().bad_proxy_headers == 1);
  CHECK(world.loop.reactor.counters().newcomers == 0);
}

TEST_CASE("a header that does not come in time is not waited for") {
  Behind world("127.0.0.0/8");
  Peer peer = world.connect();
  peer.send(kHeader.substr(0, 20));
  world.loop.until([&] { return world.loop.reactor.counters().newcomers == 1; });
  world.loop.settle({&peer});
  CHECK_FALSE(peer.is_at_end);
  world.loop.clock.at_ms += 1001;
  world.loop.until([&] { return peer.is_at_end; }, {&peer});
}

TEST_CASE("others than the trusted proxies are served without a header, and refused with one") {
  Behind world("192.0.2.1");
  Peer plain = world.connect();
  plain.send(kGet);
  world.loop.until([&] { return plain.has("<" + world.own + ">"); }, {&plain});
  Peer liar = world.connect();
  liar.send(std::string(kHeader) + std::string(kGet));
  world.loop.until([&] { return liar.is_at_end; }, {&liar});
  CHECK(liar.received.starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a PROXY header stands before the TLS handshake") {
  const TlsSite site;
  Behind world("127.0.0.0/8", site.credentials());
  Peer wire = world.connect();
  wire.send(kHeader);
  TlsPeer peer(std::move(wire));
  const auto until = [&](auto done) {
    while (!done()) {
      peer.pump();
      world.loop.reactor.run_turn(std::chrono::milliseconds(1));
    }
  };
  until([&] { return peer.is_open(); });
  peer.send(kGet);
  until([&] { return peer.has("<203.0.113.9:4711>"); });
}
