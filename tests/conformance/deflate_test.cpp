// RFC 7692, 6 and 7.2: compressed messages.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "conformance/peer.h"
#include "support/compression.h"

using namespace fairlead::conformance;
using fairlead::support::Compressor;
using std::string_literals::operator""s;

namespace {

constexpr unsigned kText = 0x1;
constexpr unsigned kBinary = 0x2;
constexpr unsigned kRsv1 = 0x40;
constexpr std::string_view kPlainOffer = "permessage-deflate";
constexpr std::string_view kNoContext =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

EchoServer deflating_server() { return EchoServer({"--deflate"}); }

std::string json_like(std::size_t length, int seed) {
  std::string text;
  for (int i = seed; text.size() < length; ++i) {
    text += fmt::format(R"({{"type":"telemetry","seq":{},"metrics":{{"temperature":{}.5}}}})", i,
                        i % 37);
  }
  text.resize(length);
  return text;
}

/// Two octets a letter, so a cut length would not be UTF-8; `length` is even.
std::string greek(std::size_t length, int seed) {
  std::string text;
  for (std::size_t i = 0; text.size() < length; ++i) {
    text += '\xce';
    text += static_cast<char>(0xb1 + (i * i + static_cast<std::size_t>(seed)) % 14);
  }
  return text;
}

/// Does not compress.
std::string random_like(std::size_t length, int seed) {
  std::string text;
  auto state = static_cast<std::uint32_t>(seed) * 2654435761U + 1;
  while (text.size() < length) {
    state = state * 1664525U + 1013904223U;
    text += static_cast<char>(state >> 24U);
  }
  return text;
}

struct Payload {
  std::string name;
  unsigned opcode;
  std::string (*make)(std::size_t length, int seed);
};

const std::vector<Payload> kPayloads = {
    {"JSON", kText, json_like}, {"letters", kText, greek}, {"random", kBinary, random_like}};

/// How many messages of that length: a thousand of the short ones, fewer of the long, for time;
/// FAIRLEAD_CONFORMANCE_FULL=1 sends a thousand of each.
int how_many(std::size_t length) {
  const bool is_full = std::getenv("FAIRLEAD_CONFORMANCE_FULL") != nullptr;
  return is_full ? 1000 : static_cast<int>(std::min<std::size_t>(1000, 1 + 256 * 1024 / length));
}

void echo_many(const EchoServer& server, std::string_view offer, const Payload& payload,
               std::size_t length, std::size_t step) {
  Peer peer(server, offer);
  const bool keeps = peer.agreed().find("client_no_context_takeover") == std::string::npos;
  Compressor compressor(keeps);
  const int count = how_many(length);
  for (int i = 0; i < count; ++i) {
    const std::string message = payload.make(length, i);
    peer.send(fragments(kRsv1 | payload.opcode, compressor.compress(message), step));
    REQUIRE(peer.next() == told(payload.opcode == kText ? "text" : "binary", message));
  }
  CHECK(peer.finish() == Transcript{"close:1000"});
}

}  // namespace

TEST_CASE("compressed messages of every size and kind come back, with and without context") {
  const EchoServer server = deflating_server();
  for (const std::string_view offer : {kPlainOffer, kNoContext}) {
    for (const Payload& payload : kPayloads) {
      for (const std::size_t length :
           {16U, 64U, 256U, 1024U, 4096U, 8192U, 16384U, 32768U, 65536U, 131072U}) {
        CAPTURE(payload.name);
        CAPTURE(length);
        echo_many(server, offer, payload, length, length + 1024);
      }
    }
  }
}

TEST_CASE("compressed messages in fragments come back") {
  const EchoServer server = deflating_server();
  for (const Payload& payload : kPayloads) {
    for (const std::size_t step : {1U, 64U, 256U, 1024U, 4096U, 32768U}) {
      CAPTURE(payload.name);
      CAPTURE(step);
      echo_many(server, kPlainOffer, payload, 131072, step);
    }
  }
}

TEST_CASE("what compresses is compressed on the way back") {
  const EchoServer server = deflating_server();
  Peer peer(server, kPlainOffer);
  Compressor compressor(true);
  const std::string message = json_like(10'000, 1);
  peer.send(frame(0x80 | kRsv1 | kText, compressor.compress(message)));
  CHECK(peer.next() == told("text", message));
  CHECK(peer.compressed() == 1);
}

TEST_CASE("plain and compressed messages, pings and empty ones may follow each other") {
  const EchoServer server = deflating_server();
  Peer peer(server, kPlainOffer);
  Compressor compressor(true);
  const std::string first = compressor.compress("first, first");
  const std::string empty = compressor.compress("");
  const std::string third = compressor.compress("third, first");
  peer.send(frame(0x80 | kRsv1 | kText, first) + frame(0x80 | kText, "plain") +
            fragments(kRsv1 | kText, empty, 1, frame(0x89, "p")) + frame(0x82, "\xFF") +
            fragments(kRsv1 | kBinary, third, 3, frame(0x8A)));
  CHECK(peer.finish() == and_1000({"text:first, first", "text:plain", "text:", "binary:\xFF",
                                   "binary:third, first"}));
}

TEST_CASE("the examples of RFC 7692, 7.2.3 are understood") {
  const EchoServer server = deflating_server();
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  const auto compressed = [](std::string_view payload) { return frame(0xC1, payload); };
  Peer peer(server, kPlainOffer);
  peer.send(compressed(hello) + fragments(0x41, hello, 3) + compressed("\xf2\x00\x11\x00\x00"s) +
            compressed("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s) +
            compressed("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s) +
            compressed("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s));
  CHECK(peer.finish() == and_1000(Transcript(6, "text:Hello")));
}

TEST_CASE("RSV1 where no compressed message begins is 1002") {
  const EchoServer server = deflating_server();
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  const std::vector<Case> cases = {
      {"ping", frame(0xC9, "p"), {"close:1002"}},
      {"pong", frame(0xCA, "p"), {"close:1002"}},
      {"close", frame(0xC8, "\x03\xE8"), {"close:1002"}},
      {"continuation", frame(0x41, hello) + frame(0xC0, hello), {"close:1002"}},
      {"continuation of a plain one", frame(0x01, "a") + frame(0xC0, hello), {"close:1002"}},
      {"with RSV2", frame(0xE1, hello), {"close:1002"}},
      {"with RSV3", frame(0xD1, hello), {"close:1002"}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.name);
    Peer peer(server, kPlainOffer);
    peer.send(one.sent);
    CHECK(peer.finish() == one.answers);
  }
  Peer without(server);
  without.send(frame(0xC1, hello));
  CHECK(without.finish() == Transcript{"close:1002"});
}

TEST_CASE("what does not inflate, and text that inflates to no UTF-8, is 1007") {
  const EchoServer server = deflating_server();
  Compressor compressor(false);
  const std::string good = compressor.compress("a message that is long enough to be cut short");
  const std::vector<Case> cases = {
      {"reserved block type", frame(0xC1, "\xff\xff\xff\xff"), {"close:1007"}},
      {"stored length without its complement",
       frame(0xC1, "\x00\x05\x00\x00\x00Hello"s),
       {"close:1007"}},
      {"cut short", frame(0xC1, good.substr(0, good.size() / 2)), {"close:1007"}},
      {"from before the beginning", frame(0xC1, "\xf2\x00\x11\x00\x00"s), {"close:1007"}},
      {"no UTF-8", frame(0xC1, compressor.compress("\xce\xba\xff")), {"close:1007"}},
      {"unfinished UTF-8", frame(0xC1, compressor.compress("\xce")), {"close:1007"}},
      {"the same as binary", frame(0xC2, compressor.compress("\xce")), and_1000({"binary:\xce"})},
  };
  for (const Case& one : cases) {
    CAPTURE(one.name);
    Peer peer(server, kPlainOffer);
    peer.send(one.sent);
    CHECK(peer.finish() == one.answers);
  }
}

TEST_CASE("a message that inflates to more than 16 MiB is 1009, one of 16 MiB comes back") {
  const EchoServer server = deflating_server();
  const std::string most(16U << 20U, '\0');
  Compressor compressor(false, 15, 1);
  Peer good(server, kNoContext);
  good.send(frame(0xC2, compressor.compress(most)));
  CHECK(good.next() == told("binary", most));
  Peer bad(server, kNoContext);
  bad.send(frame(0xC2, compressor.compress(most + '\0')));
  CHECK(bad.rest() == Transcript{"close:1009"});
}
