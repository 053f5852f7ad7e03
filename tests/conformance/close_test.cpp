// RFC 6455, 5.5.1, 7.1 and 7.4: the end.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "conformance/peer.h"

using namespace fairlead::conformance;

namespace {

constexpr unsigned kWholeText = 0x81;
constexpr unsigned kPing = 0x89;

}  // namespace

TEST_CASE("a close is answered with its code, whatever the reason, and the server ends TCP") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
    const Transcript answers{fmt::format("close:{}", code)};
    cases.push_back({fmt::format("{}", code), close_frame(code), answers});
    cases.push_back(
        {fmt::format("{} with a reason", code), close_frame(code, "Ca va? µ"), answers});
    cases.push_back({fmt::format("{} with a long reason", code),
                     close_frame(code, std::string(123, '*')), answers});
  }
  cases.push_back({"no code", frame(0x88), {"close:none"}});
  check(server, cases);
}

TEST_CASE("codes that must not be on the wire are 1002") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const unsigned code :
       {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    cases.push_back({fmt::format("{}", code), close_frame(code), {"close:1002"}});
    cases.push_back(
        {fmt::format("{} with a reason", code), close_frame(code, "r"), {"close:1002"}});
  }
  check(server, cases);
}

TEST_CASE("half a code, too long a reason and one that is not UTF-8 are refused") {
  const EchoServer server;
  check(server,
        {{"one octet", frame(0x88, "\x03"), {"close:1002"}},
         {"124 octets of reason", close_frame(1000, std::string(124, '*')), {"close:1002"}},
         {"no UTF-8", close_frame(1000, "\xce\xba\xe1\xbd\xb9\xf4\x90\x80\x80"), {"close:1007"}},
         {"unfinished UTF-8", close_frame(1000, "\xce"), {"close:1007"}}});
}

TEST_CASE("what comes before the close is answered, what comes behind it is not") {
  const EchoServer server;
  const std::string close = close_frame(1000);
  check(server,
        {{"text behind", close + frame(kWholeText, "late"), {"close:1000"}},
         {"ping behind", close + frame(kPing, "late"), {"close:1000"}},
         {"a second close", close + close_frame(1001), {"close:1000"}},
         {"nonsense behind", close + "\xFF\xFF\xFF\xFF", {"close:1000"}},
         {"text before", frame(kWholeText, "early") + close, {"text:early", "close:1000"}},
         {"inside a message", frame(0x01, "begin") + close + frame(0x80, "end"), {"close:1000"}}});
}

TEST_CASE("a large message before the close comes back whole first") {
  const EchoServer server;
  const std::string large(262144, 'B');
  Peer peer(server);
  peer.send(frame(kWholeText, large) + close_frame(1000) + frame(kPing, "late"));
  CHECK(peer.rest() == Transcript{told("text", large), "close:1000"});
}

TEST_CASE("the server ends TCP after the closes without waiting for the peer") {
  const EchoServer server;
  Peer peer(server);
  peer.send(close_frame(1000));
  CHECK(peer.next() == "close:1000");
  // End of file while our side is still open.
  CHECK(peer.next() == "end");
}
