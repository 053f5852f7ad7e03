// RFC 6455, 5.2: lengths, reserved bits, opcodes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "conformance/peer.h"

using namespace fairlead::conformance;
using std::string_literals::operator""s;

namespace {

constexpr unsigned kWholeText = 0x81;
constexpr unsigned kWholeBinary = 0x82;
constexpr unsigned kWholePing = 0x89;

/// A text frame whose length, `length`, is written in 2 or 8 octets though it needs fewer.
std::string long_winded(std::uint64_t length, int octets) {
  std::string bytes{static_cast<char>(0x81), static_cast<char>(0x80 | (octets == 2 ? 126 : 127))};
  for (int shift = (octets - 1) * 8; shift >= 0; shift -= 8) {
    bytes += static_cast<char>((length >> static_cast<unsigned>(shift)) & 0xFFU);
  }
  return bytes + "\0\0\0\0"s + std::string(length, 'x');
}

}  // namespace

TEST_CASE("messages of every form of length come back, text and binary") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const std::size_t length : {0U, 1U, 125U, 126U, 127U, 128U, 65535U, 65536U}) {
    const std::string text(length, '*');
    cases.push_back({fmt::format("text of {}", length), frame(kWholeText, text),
                     and_1000({told("text", text)})});
    const std::string binary(length, '\xFE');
    cases.push_back({fmt::format("binary of {}", length), frame(kWholeBinary, binary),
                     and_1000({told("binary", binary)})});
  }
  check(server, cases);
}

TEST_CASE(
    "a length that is not written in the fewest octets, or has its highest bit set, is 1002") {
  const EchoServer server;
  const std::string highest = "\x81\xFF\x80\0\0\0\0\0\0\0\0\0\0\0"s;
  check(server, {{"125 in 2", long_winded(125, 2), {"close:1002"}},
                 {"126 in 2", long_winded(126, 2), and_1000({told("text", std::string(126, 'x'))})},
                 {"0 in 8", long_winded(0, 8), {"close:1002"}},
                 {"125 in 8", long_winded(125, 8), {"close:1002"}},
                 {"65535 in 8", long_winded(65535, 8), {"close:1002"}},
                 {"highest bit", highest, {"close:1002"}}});
}

TEST_CASE("a frame without a mask is 1002") {
  const EchoServer server;
  check(server, {{"text", "\x81\x05Hello", {"close:1002"}},
                 {"empty text", "\x81\0"s, {"close:1002"}},
                 {"ping", "\x89\0"s, {"close:1002"}},
                 {"behind a good one",
                  frame(kWholeText, "good") + "\x81\x01x",
                  {"text:good", "close:1002"}}});
}

TEST_CASE("any key unmasks, also one of zeros") {
  const EchoServer server;
  check(server, {{"zeros", "\x81\x85\0\0\0\0Hello"s, and_1000({"text:Hello"})},
                 {"RFC 6455, 5.7", "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s,
                  and_1000({"text:Hello"})}});
}

TEST_CASE("reserved bits on any frame are 1002, what came before is answered, nothing behind") {
  const EchoServer server;
  std::vector<Case> cases;
  for (unsigned bits = 1; bits < 8; ++bits) {
    for (const unsigned opcode : {0x1U, 0x2U, 0x8U, 0x9U, 0xAU}) {
      const std::string bad = frame(0x80U | bits << 4U | opcode, "Hello");
      const std::string name = fmt::format("bits {} on opcode {}", bits, opcode);
      cases.push_back({name, bad, {"close:1002"}});
      cases.push_back({name + " in the middle",
                       frame(kWholeText, "before") + bad + frame(kWholePing, "behind"),
                       {"text:before", "close:1002"}});
    }
    const std::string on_continuation = frame(0x01, "a") + frame(0x80U | bits << 4U, "b");
    cases.push_back(
        {fmt::format("bits {} on a continuation", bits), on_continuation, {"close:1002"}});
  }
  check(server, cases);
}

TEST_CASE("reserved opcodes are 1002, with and without payload, first and later") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
    for (const std::string payload : {"", "payload"}) {
      const std::string name = fmt::format("opcode {} with \"{}\"", opcode, payload);
      const std::string bad = frame(0x80U | opcode, payload);
      cases.push_back({name, bad, {"close:1002"}});
      cases.push_back({name + ", not final", frame(opcode, payload), {"close:1002"}});
      cases.push_back({name + " in the middle",
                       frame(kWholeText, "before") + bad + frame(kWholePing, "behind"),
                       {"text:before", "close:1002"}});
      cases.push_back({name + " inside a message", frame(0x01, "begin") + bad, {"close:1002"}});
    }
  }
  check(server, cases);
}
