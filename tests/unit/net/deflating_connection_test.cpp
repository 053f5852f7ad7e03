#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loop.h"
#include "net/deflate.h"
#include "net/websocket.h"

using namespace fairlead::net;
using fairlead::make_frame;
using fairlead::MessageKind;

namespace {

constexpr std::size_t kMax = 1 << 20;

ReactorOptions deflating(const DeflateOptions& options) {
  ReactorOptions reactor;
  reactor.deflate = options;
  return reactor;
}

std::string compressible(std::size_t length) {
  std::string text;
  for (int i = 0; text.size() < length; ++i) text += "reading " + std::to_string(i) + "; ";
  return text;
}

std::string deflated(std::string_view message, int window_bits = 15) {
  return compressed_frame(Opcode::kText, Deflater(false, window_bits, 6).deflate(message));
}

/// A reactor with any number of WebSockets, each offering what the test says.
struct Party {
  explicit Party(const DeflateOptions& options) : loop(deflating(options)) {
    loop.handler.answer = [this](const HttpRequest&, const std::unique_ptr<Exchange>& exchange) {
      exchange->upgrade("", kMax, [this](std::unique_ptr<Transport> transport) {
        test::TestSession& session = sessions.emplace_back();
        session.transport = std::move(transport);
        loop.reactor.attach(*session.transport, session);
      });
    };
  }

  test::Peer& join(std::string_view extensions) {
    test::Peer& peer = peers.emplace_back(loop.connect());
    std::string handshake(test::kHandshake);
    if (!extensions.empty()) {
      handshake.insert(handshake.size() - 2,
                       "Sec-WebSocket-Extensions: " + std::string(extensions) + "\r\n");
    }
    peer.send(handshake);
    loop.until([&] { return peer.has("\r\n\r\n"); }, {&peer});
    head = peer.received;
    peer.received.clear();
    return peer;
  }
  /// To everybody, as one frame.
  void tell(std::string_view message) {
    const fairlead::SharedFrame frame = make_frame(MessageKind::kText, message);
    for (test::TestSession& session : sessions) session.transport->send(frame);
  }
  void until_all_have(std::string_view wire) {
    std::vector<test::Peer*> all;
    for (test::Peer& peer : peers) all.push_back(&peer);
    loop.until(
        [&] {
          return std::ranges::all_of(peers,
                                     [&](const auto& peer) { return peer.received == wire; });
        },
        all);
  }

  test::Loop loop;
  std::list<test::TestSession> sessions;
  std::list<test::Peer> peers;
  std::string head;
};

}  // namespace

TEST_CASE("a frame that goes to many who agreed is deflated once") {
  Party party({.min_bytes = 100});
  constexpr std::size_t kPeers = 200;
  for (std::size_t i = 0; i < kPeers; ++i) party.join("permessage-deflate");
  CHECK(party.head.find("Sec-WebSocket-Extensions: permessage-deflate; "
                        "server_no_context_takeover; client_no_context_takeover\r\n") !=
        std::string::npos);
  const std::string message = compressible(5000);
  party.tell(message);
  const std::string wire = deflated(message);
  party.until_all_have(wire);
  const ReactorCounters& counters = party.loop.reactor.counters();
  CHECK(counters.deflates == 1);
  const std::size_t plain = make_frame(MessageKind::kText, message)->wire().size();
  CHECK(counters.deflate_saved_bytes == static_cast<std::int64_t>(kPeers * (plain - wire.size())));
}

TEST_CASE("each window is deflated for once, and who did not agree gets the message as it is") {
  Party party({.min_bytes = 100});
  for (int i = 0; i < 3; ++i) {
    party.join("permessage-deflate");
    party.join("permessage-deflate; server_max_window_bits=8");
    party.join("");
  }
  const std::string message = compressible(5000);
  party.tell(message);
  const std::vector<std::string> wires = {
      deflated(message), deflated(message, 8),
      std::string(make_frame(MessageKind::kText, message)->wire())};
  std::size_t i = 0;
  for (test::Peer& peer : party.peers) {
    const std::string& wire = wires[i++ % wires.size()];
    party.loop.until([&] { return peer.received.size() >= wire.size(); }, {&peer});
    CHECK(peer.received == wire);
  }
  CHECK(party.loop.reactor.counters().deflates == 2);
}

TEST_CASE("short messages and such as do not compress are sent as they are") {
  Party party({.min_bytes = 100});
  party.join("permessage-deflate");
  party.join("permessage-deflate");
  std::string expected;
  // Every octet once: no two alike, so nothing to gain.
  std::string different;
  for (int octet = 0; octet < 128; ++octet) different.push_back(static_cast<char>(octet));
  for (const std::string& message : {std::string(99, 'x'), different}) {
    party.tell(message);
    expected += make_frame(MessageKind::kText, message)->wire();
  }
  party.until_all_have(expected);
  CHECK(party.loop.reactor.counters().deflate_saved_bytes == 0);
}

TEST_CASE("with context takeover each connection deflates for itself, and later messages shrink") {
  Party party(
      {.min_bytes = 100, .server_no_context_takeover = false, .client_no_context_takeover = false});
  party.join("permessage-deflate");
  party.join("permessage-deflate");
  CHECK(party.head.find("Sec-WebSocket-Extensions: permessage-deflate\r\n") != std::string::npos);
  const std::string message = compressible(5000);
  party.tell(message);
  party.tell(message);
  Deflater context(true, 15, 6);
  const std::string first = compressed_frame(Opcode::kText, context.deflate(message));
  const std::string second = compressed_frame(Opcode::kText, context.deflate(message));
  CHECK(second.size() < first.size() / 10);
  party.until_all_have(first + second);
  CHECK(party.loop.reactor.counters().deflates == 4);
}

TEST_CASE("what a peer compressed is delivered as it was, and what is too long ends with 1009") {
  Party party({.min_bytes = 100});
  test::Peer& peer = party.join("permessage-deflate");
  const auto sent = [](std::string_view message) {
    return masked_frame(Opcode::kText, Deflater(false, 15, 6).deflate(message), 0x1234567, true);
  };
  peer.send(sent("Hello, Hello!") + sent(std::string(kMax + 1, '0')));
  party.loop.until([&] { return peer.is_at_end; }, {&peer});
  CHECK(party.sessions.front().events ==
        std::vector<std::string>{"text:Hello, Hello!", "violation:1009:message too big",
                                 "closed:1009:message too big:us"});
}
