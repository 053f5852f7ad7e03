#include "net/deflate.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/websocket.h"
#include "net/websocket_decoder.h"

using namespace fairlead::net;
using std::string_literals::operator""s;

namespace {

constexpr std::size_t kMax = 1 << 20;
/// `Hello` as RFC 7692, 7.2.3.1 compresses it.
const std::string kHello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;

DeflateOptions takeover() {
  return {.min_bytes = 1, .server_no_context_takeover = false, .client_no_context_takeover = false};
}

std::string agreed(std::string_view offers, const DeflateOptions& options = takeover()) {
  const auto agreement = negotiate_deflate(offers, options);
  return agreement ? agreement->header : "none";
}

/// The message, or `bad`, or `big`.
std::string inflated(Inflater& inflater, std::string_view compressed, std::size_t max = kMax) {
  std::string out;
  switch (inflater.inflate(compressed, max, out)) {
    case Inflater::Outcome::kOk:
      return out;
    case Inflater::Outcome::kBadData:
      return "bad";
    case Inflater::Outcome::kTooBig:
      break;
  }
  return "big";
}

std::string inflated(std::string_view compressed, std::size_t max = kMax) {
  Inflater inflater(true);
  return inflated(inflater, compressed, max);
}

std::string masked(unsigned first, std::string_view payload) {
  std::string bytes = masked_frame(Opcode::kText, payload, 0x1234567);
  bytes[0] = static_cast<char>(first);
  return bytes;
}

std::vector<std::string> decode(std::string bytes, std::size_t max = kMax) {
  WebSocketDecoder decoder(Role::kServer, max);
  decoder.enable_deflate(std::make_unique<Inflater>(true));
  const std::size_t length = bytes.size();
  bytes.append(WebSocketDecoder::kPadding, '\0');
  std::span<char> input(bytes.data(), length);
  std::vector<std::string> found;
  for (;;) {
    const Decoded next = decoder.next(input);
    if (next.kind == Decoded::Kind::kNeedMore) return found;
    const bool is_error = next.kind == Decoded::Kind::kError;
    found.push_back(is_error ? std::to_string(next.code) : std::string(next.payload));
  }
}

std::string pseudo_random(std::size_t length) {
  std::string text;
  std::uint32_t state = 7;
  while (text.size() < length) {
    state = state * 1664525 + 1013904223;
    text.push_back(static_cast<char>(state >> 24));
  }
  return text;
}

}  // namespace

TEST_CASE("an offer is taken with what both ends want") {
  CHECK(agreed("permessage-deflate") == "permessage-deflate");
  CHECK(agreed("permessage-deflate; client_max_window_bits") == "permessage-deflate");
  CHECK(agreed("permessage-deflate; client_max_window_bits=9") == "permessage-deflate");
  CHECK(agreed("permessage-deflate; server_no_context_takeover; client_no_context_takeover") ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
  CHECK(agreed("permessage-deflate; server_max_window_bits=10") ==
        "permessage-deflate; server_max_window_bits=10");
  CHECK(agreed("permessage-deflate; server_max_window_bits=8") ==
        "permessage-deflate; server_max_window_bits=8");
  CHECK(agreed("permessage-deflate; server_max_window_bits=\"12\"") ==
        "permessage-deflate; server_max_window_bits=12");
  CHECK(agreed("permessage-deflate", DeflateOptions{}) ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
}

TEST_CASE("offers that cannot be met are passed over for the next") {
  for (const std::string_view offer :
       {"", "x-webkit-deflate-frame", "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_max_window_bits=1x",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover"}) {
    CAPTURE(offer);
    CHECK(agreed(offer) == "none");
    CHECK(agreed(std::string(offer) + ", permessage-deflate; server_max_window_bits=11") ==
          "permessage-deflate; server_max_window_bits=11");
  }
}

TEST_CASE("the examples of RFC 7692, 7.2.3 inflate") {
  CHECK(inflated(kHello) == "Hello");
  CHECK(inflated("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s) == "Hello");
  CHECK(inflated("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s) == "Hello");
  CHECK(inflated("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s) == "Hello");
  Inflater shared(true);
  CHECK(inflated(shared, kHello) == "Hello");
  CHECK(inflated(shared, "\xf2\x00\x11\x00\x00"s) == "Hello");
  CHECK(inflated("\x00"s) == "");
}

TEST_CASE("the window outlives a final block, and not a message without takeover") {
  Inflater shared(true);
  CHECK(inflated(shared, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s) == "Hello");
  CHECK(inflated(shared, "\xf2\x00\x11\x00\x00"s) == "Hello");
  Inflater apart(false);
  CHECK(inflated(apart, kHello) == "Hello");
  CHECK(inflated(apart, "\xf2\x00\x11\x00\x00"s) == "bad");
}

TEST_CASE("every second octet may end a stream, and the window is still there at the end") {
  Inflater shared(true);
  CHECK(inflated(shared, kHello) == "Hello");
  std::string message;
  // Empty final blocks.
  for (int i = 0; i < 1000; ++i) message += "\x03\x00"s;
  CHECK(inflated(shared, message + "\xf2\x00\x11\x00\x00"s) == "Hello");
}

TEST_CASE("what is no deflate stream, or half of one, is bad") {
  CHECK(inflated("\xff\xff\xff\xff") == "bad");
  CHECK(inflated(std::string_view(kHello).substr(0, 4)) == "bad");
  CHECK(inflated("Hello") == "bad");
}

TEST_CASE("messages of every size come back, with every window, with and without takeover") {
  for (const bool keeps_context : {true, false}) {
    for (int bits = 8; bits <= 15; ++bits) {
      Deflater deflater(keeps_context, bits, 6);
      Inflater inflater(keeps_context);
      for (const std::size_t length : {1U, 2U, 100U, 1000U, 16383U, 16384U, 16385U, 100000U}) {
        const std::string repeated(length, 'r');
        CHECK(inflated(inflater, deflater.deflate(repeated)) == repeated);
        const std::string random = pseudo_random(length);
        CHECK(inflated(inflater, deflater.deflate(random)) == random);
      }
    }
  }
}

TEST_CASE("a bomb is stopped at the bound") {
  Deflater deflater(false, 15, 9);
  const std::string bomb = deflater.deflate(std::string(64 << 20, '\0'));
  REQUIRE(bomb.size() < 100'000);
  std::string out;
  Inflater inflater(false);
  CHECK(inflater.inflate(bomb, kMax, out) == Inflater::Outcome::kTooBig);
  CHECK(out.size() < kMax + (64 << 10));
  CHECK(inflated(deflater.deflate(std::string(100, 'a')), 100) == std::string(100, 'a'));
  CHECK(inflated(deflater.deflate(std::string(101, 'a')), 100) == "big");
}

TEST_CASE("compressed frames decode whole, fragmented, among others and empty") {
  using Found = std::vector<std::string>;
  CHECK(decode(masked(0xC1, kHello)) == Found{"Hello"});
  CHECK(decode(masked(0x81, "plain") + masked(0xC1, kHello)) == Found{"plain", "Hello"});
  CHECK(decode(masked(0x41, kHello.substr(0, 3)) + masked(0x89, "p") + masked(0x00, "") +
               masked(0x80, kHello.substr(3)) + masked(0x81, "plain")) ==
        Found{"p", "Hello", "plain"});
  CHECK(decode(masked(0xC1, "\x00"s)) == Found{""});
}

TEST_CASE("RSV1 stands on the first frame of a message and nowhere else") {
  using Found = std::vector<std::string>;
  CHECK(decode(masked(0xC9, "ping")) == Found{"1002"});
  CHECK(decode(masked(0xC8, "")) == Found{"1002"});
  CHECK(decode(masked(0x41, kHello) + masked(0xC0, "")) == Found{"1002"});
  CHECK(decode(masked(0xE1, kHello)) == Found{"1002"});
}

TEST_CASE("bad data, text that is no UTF-8 and bombs close with their codes") {
  using Found = std::vector<std::string>;
  Deflater deflater(false, 15, 6);
  CHECK(decode(masked(0xC1, "Hello")) == Found{"1007"});
  CHECK(decode(masked(0xC1, deflater.deflate("\xFF\xFF"))) == Found{"1007"});
  CHECK(decode(masked(0xC2, deflater.deflate("\xFF\xFF"))) == Found{"\xFF\xFF"});
  CHECK(decode(masked(0xC2, deflater.deflate(std::string(5000, 'x'))), 4999) == Found{"1009"});
}
