// RFC 6455, 5.5.2 and 5.5.3: pings and pongs.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "conformance/peer.h"

using namespace fairlead::conformance;
using std::string_literals::operator""s;

namespace {

constexpr unsigned kText = 0x81;
constexpr unsigned kPing = 0x89;
constexpr unsigned kPong = 0x8A;

}  // namespace

TEST_CASE("a ping of any allowed length is answered with its payload") {
  const EchoServer server;
  std::vector<Case> cases;
  for (std::size_t length = 0; length <= 125; ++length) {
    std::string payload;
    for (std::size_t i = 0; i < length; ++i) payload += static_cast<char>(0xFF - i);
    cases.push_back({fmt::format("ping of {}", length), frame(kPing, payload),
                     and_1000({told("pong", payload)})});
  }
  cases.push_back({"binary", frame(kPing, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"s),
                   and_1000({told("pong", "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"s)})});
  check(server, cases);
}

TEST_CASE("a control frame over 125 octets is 1002") {
  const EchoServer server;
  check(server, {{"ping", frame(kPing, std::string(126, 'p')), {"close:1002"}},
                 {"pong", frame(kPong, std::string(126, 'p')), {"close:1002"}},
                 {"close", frame(0x88, "\x03\xE8" + std::string(124, 'p')), {"close:1002"}},
                 {"huge ping", frame(kPing, std::string(70000, 'p')), {"close:1002"}},
                 {"behind a text",
                  frame(kText, "t") + frame(kPing, std::string(126, 'p')),
                  {"text:t", "close:1002"}}});
}

TEST_CASE("pongs that nobody asked for are let pass") {
  const EchoServer server;
  check(server,
        {{"empty", frame(kPong), and_1000({})},
         {"with payload", frame(kPong, "unsolicited"), and_1000({})},
         {"then a ping", frame(kPong, "unsolicited") + frame(kPing, "p"), and_1000({"pong:p"})},
         {"inside a message", frame(0x01, "a") + frame(kPong, "x") + frame(0x80, "b"),
          and_1000({"text:ab"})}});
}

TEST_CASE("ten pings are answered in order") {
  const EchoServer server;
  std::string sent;
  Transcript answers;
  for (int i = 0; i < 10; ++i) {
    sent += frame(kPing, fmt::format("payload {}", i));
    answers.push_back(fmt::format("pong:payload {}", i));
  }
  check(server, {{"ten", sent, and_1000(answers)}});
}

TEST_CASE("a ping is answered before the message that it interrupts is whole") {
  const EchoServer server;
  Peer peer(server);
  peer.send(frame(0x01, "begin") + frame(kPing, "now"));
  CHECK(peer.next() == "pong:now");
  peer.send(frame(0x80, " and end"));
  CHECK(peer.finish() == and_1000({"text:begin and end"}));
}

TEST_CASE("a fragmented control frame is 1002") {
  const EchoServer server;
  for (const unsigned opcode : {0x8U, 0x9U, 0xAU}) {
    check(server, {{"first fragment", frame(opcode, "\x03\xE8"), {"close:1002"}},
                   {"both", frame(opcode, "\x03\xE8") + frame(0x80, "end"), {"close:1002"}},
                   {"inside a message", frame(0x01, "begin") + frame(opcode, ""), {"close:1002"}}});
  }
}
