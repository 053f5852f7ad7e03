// RFC 7692, 5 and 7.1: what is offered and what is agreed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/peer.h"
#include "support/compression.h"

using namespace fairlead::conformance;
using fairlead::support::Compressor;

namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Several messages there and back, long enough to leave any window, some like those before.
void echo_some(Peer& peer, int window_bits) {
  Compressor compressor(!has(peer.agreed(), "client_no_context_takeover"), window_bits);
  for (int i = 0; i < 6; ++i) {
    std::string message;
    while (message.size() < 3000)
      message += fmt::format("reading {} of {}; ", message.size(), i % 2);
    peer.send(frame(0xC1, compressor.compress(message)));
    REQUIRE(peer.next() == told("text", message));
  }
  CHECK(peer.compressed() == 6);
  CHECK(peer.finish() == Transcript{"close:1000"});
}

}  // namespace

TEST_CASE("every combination of parameters is agreed to and kept") {
  const EchoServer server({"--deflate"});
  const std::array<std::string, 2> server_context = {"", "; server_no_context_takeover"};
  const std::array<std::string, 2> client_context = {"", "; client_no_context_takeover"};
  for (int server_bits = 7; server_bits <= 15; ++server_bits) {
    for (int client_bits = 7; client_bits <= 15; ++client_bits) {
      for (std::size_t context = 0; context < 4; ++context) {
        std::string offer = "permessage-deflate" + server_context[context % 2] +
                            client_context[context / 2] + "; client_max_window_bits";
        // 7 is not to name it.
        if (client_bits > 7) offer += fmt::format("={}", client_bits);
        if (server_bits > 7) offer += fmt::format("; server_max_window_bits={}", server_bits);
        CAPTURE(offer);
        Peer peer(server, offer);
        CAPTURE(peer.agreed());
        CHECK(peer.agreed().starts_with("permessage-deflate"));
        CHECK(has(peer.agreed(), "server_no_context_takeover") == (context % 2 == 1));
        CHECK(has(peer.agreed(), "client_no_context_takeover") == (context / 2 == 1));
        CHECK(has(peer.agreed(), fmt::format("server_max_window_bits={}", server_bits)) ==
              (server_bits > 7));
        echo_some(peer, client_bits > 7 ? client_bits : 15);
      }
    }
  }
}

TEST_CASE("the first offer that can be met is taken, in one header or several") {
  const EchoServer server({"--deflate"});
  const auto agreed = [&](std::string_view offers) { return Peer(server, offers).agreed(); };
  CHECK(agreed("permessage-deflate; server_max_window_bits=10, permessage-deflate") ==
        "permessage-deflate; server_max_window_bits=10");
  CHECK(agreed("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits") ==
        "permessage-deflate");
  CHECK(agreed("permessage-deflate; server_max_window_bits=16, permessage-deflate;"
               " server_no_context_takeover") == "permessage-deflate; server_no_context_takeover");
  CHECK(agreed("permessage-deflate; unknown\r\nSec-WebSocket-Extensions: permessage-deflate") ==
        "permessage-deflate");
  CHECK(agreed("permessage-deflate; server_max_window_bits=\"9\"") ==
        "permessage-deflate; server_max_window_bits=9");
}

TEST_CASE("an offer that cannot be met is declined, and plain messages go on") {
  const EchoServer server({"--deflate"});
  for (const std::string_view offer :
       {"x-webkit-deflate-frame", "permessage-deflate; unknown", "permessage-deflate; unknown=1",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=-9",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-bzip2"}) {
    CAPTURE(offer);
    Peer peer(server, offer);
    CHECK(peer.agreed().empty());
    peer.send(frame(0x81, "plain"));
    CHECK(peer.finish() == and_1000({"text:plain"}));
  }
}

TEST_CASE("without --deflate nothing is agreed") {
  const EchoServer server;
  CHECK(Peer(server, "permessage-deflate").agreed().empty());
}
