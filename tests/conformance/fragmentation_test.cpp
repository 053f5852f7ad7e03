// RFC 6455, 5.4: fragmented messages.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "conformance/peer.h"

using namespace fairlead::conformance;

namespace {

constexpr unsigned kText = 0x1;
constexpr unsigned kBinary = 0x2;
constexpr unsigned kFin = 0x80;

}  // namespace

TEST_CASE("a message in any number of fragments comes back whole, pings between them or not") {
  const EchoServer server;
  std::vector<Case> cases;
  const std::string message = "fragment1fragment2";
  for (std::size_t step = 1; step <= message.size(); ++step) {
    for (const unsigned opcode : {kText, kBinary}) {
      const std::string kind = opcode == kText ? "text" : "binary";
      cases.push_back({fmt::format("{} in steps of {}", kind, step),
                       fragments(opcode, message, step), and_1000({told(kind, message)})});
      Transcript answers((message.size() - 1) / step, "pong:between");
      answers.push_back(told(kind, message));
      cases.push_back({fmt::format("{} in steps of {} with pings", kind, step),
                       fragments(opcode, message, step, frame(0x89, "between")),
                       and_1000(answers)});
    }
  }
  check(server, cases);
}

TEST_CASE("empty fragments count for nothing") {
  const EchoServer server;
  check(server,
        {{"all empty", frame(kText) + frame(0) + frame(kFin), and_1000({"text:"})},
         {"first", frame(kText) + frame(kFin, "x"), and_1000({"text:x"})},
         {"middle", frame(kText) + frame(0, "middle") + frame(kFin), and_1000({"text:middle"})},
         {"last", frame(kBinary, "x") + frame(kFin), and_1000({"binary:x"})}});
}

TEST_CASE("a continuation of nothing is 1002") {
  const EchoServer server;
  const std::string good = frame(kText | kFin, "good");
  check(server, {{"final", frame(kFin, "x"), {"close:1002"}},
                 {"not final", frame(0, "x"), {"close:1002"}},
                 {"empty", frame(kFin), {"close:1002"}},
                 {"then a text", frame(0, "x") + good, {"close:1002"}},
                 {"behind a whole one", good + frame(kFin, "x"), {"text:good", "close:1002"}},
                 {"behind a fragmented one",
                  fragments(kText, "ab", 1) + frame(kFin, "x"),
                  {"text:ab", "close:1002"}},
                 {"behind a fragmented one, not final",
                  fragments(kText, "ab", 1) + frame(0, "x"),
                  {"text:ab", "close:1002"}}});
}

TEST_CASE("a new message inside a fragmented one is 1002") {
  const EchoServer server;
  for (const unsigned opcode : {kText, kBinary}) {
    check(
        server,
        {{"whole", frame(kText, "a") + frame(opcode | kFin, "b"), {"close:1002"}},
         {"begun", frame(kText, "a") + frame(opcode, "b"), {"close:1002"}},
         {"later", frame(kText, "a") + frame(0, "b") + frame(opcode | kFin, "c"), {"close:1002"}}});
  }
}

TEST_CASE("several messages in fragments, with pings in and between, keep their order") {
  const EchoServer server;
  const std::string sent = frame(kText, "fragment1") + frame(0, "fragment2") +
                           frame(0x89, "pongme 1") + frame(0, "fragment3") + frame(0, "fragment4") +
                           frame(0x89, "pongme 2") + frame(kFin, "fragment5") +
                           frame(kBinary, "b1") + frame(0x89, "pongme 3") + frame(kFin, "b2");
  check(server, {{"all", sent,
                  and_1000({"pong:pongme 1", "pong:pongme 2",
                            "text:fragment1fragment2fragment3fragment4fragment5", "pong:pongme 3",
                            "binary:b1b2"})}});
}

TEST_CASE("64 KiB in fragments of any size come back") {
  const EchoServer server;
  const std::string message(65536, '*');
  std::vector<Case> cases;
  for (const std::size_t step : {1U, 64U, 125U, 126U, 1300U, 32768U, 65535U}) {
    cases.push_back({fmt::format("steps of {}", step), fragments(kText, message, step),
                     and_1000({told("text", message)})});
  }
  check(server, cases);
}
