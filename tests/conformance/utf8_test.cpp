// RFC 6455, 8.1, with RFC 3629: text is UTF-8, and what is not is refused at its first octet that
// cannot belong to any.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "conformance/peer.h"

using namespace fairlead::conformance;
using std::string_literals::operator""s;

namespace {

constexpr unsigned kText = 0x1;

const std::vector<std::string>& valid_texts() {
  static const std::vector<std::string> kTexts = {
      "Hello-µ@ßöäüàá-UTF-8!!",
      "κόσμε",
      "\x00"s,
      "\x7f",
      "\xc2\x80",
      "\xdf\xbf",
      "\xe0\xa0\x80",
      "\xed\x9f\xbf",
      "\xee\x80\x80",
      "\xef\xbf\xbd",
      "\xef\xbf\xbf",
      "\xf0\x90\x80\x80",
      "\xf4\x8f\xbf\xbf",
      // What is no character is a scalar value all the same.
      "\xef\xbf\xbe",
      "\xef\xb7\x90",
      "\xf0\x9f\xbf\xbe",
      "\xf0\x9f\xbf\xbf",
      "\xf1\xbf\xbf\xbe",
      "\xf4\x8f\xbf\xbe",
      // Special ones: replacement, interlinear annotation, byte order mark.
      "\xef\xbf\xb9",
      "\xef\xbf\xbc",
      "\xef\xbb\xbf",
  };
  return kTexts;
}

/// `good` octets may begin valid text; the next may not follow them.
struct Invalid {
  std::string octets;
  std::size_t good = 0;
};

const std::vector<Invalid>& invalid_texts() {
  static const std::vector<Invalid> kTexts = {
      // The classic: a word, then beyond U+10FFFF, then more.
      {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80\x65\x64\x69\x74\x65\x64", 12},
      {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64", 12},
      // Continuations without a beginning.
      {"\x80", 0},
      {"\xbf", 0},
      {"\x80\xbf", 0},
      {"\x80\xbf\x80\xbf\x80\xbf", 0},
      {"a\x80", 1},
      // Beginnings without their continuation.
      {"\xc2 ", 1},
      {"\xdf ", 1},
      {"\xe0 ", 1},
      {"\xef ", 1},
      {"\xf0 ", 1},
      {"\xf4 ", 1},
      {"\xe0\xa0 ", 2},
      {"\xef\xbf ", 2},
      {"\xf0\x90 ", 2},
      {"\xf0\x90\x80 ", 3},
      {"\xf4\x8f\xbf ", 3},
      {"\xc3\xc3", 1},
      {"\xe1\x80\xe1", 2},
      // Octets that never occur.
      {"\xc0 ", 0},
      {"\xc1 ", 0},
      {"\xf5\x80\x80\x80", 0},
      {"\xf7\xbf\xbf\xbf", 0},
      {"\xf8\x88\x80\x80\x80", 0},
      {"\xfb\xbf\xbf\xbf\xbf", 0},
      {"\xfc\x84\x80\x80\x80\x80", 0},
      {"\xfd\xbf\xbf\xbf\xbf\xbf", 0},
      {"\xfe", 0},
      {"\xff", 0},
      {"\xfe\xfe\xff\xff", 0},
      // Longer than need be: of '/', the greatest such ones, of NUL.
      {"\xc0\xaf", 0},
      {"\xe0\x80\xaf", 1},
      {"\xf0\x80\x80\xaf", 1},
      {"\xf8\x80\x80\x80\xaf", 0},
      {"\xfc\x80\x80\x80\x80\xaf", 0},
      {"\xc1\xbf", 0},
      {"\xe0\x9f\xbf", 1},
      {"\xf0\x8f\xbf\xbf", 1},
      {"\xf8\x87\xbf\xbf\xbf", 0},
      {"\xc0\x80", 0},
      {"\xe0\x80\x80", 1},
      {"\xf0\x80\x80\x80", 1},
      // Surrogates, single and in pairs.
      {"\xed\xa0\x80", 1},
      {"\xed\xad\xbf", 1},
      {"\xed\xae\x80", 1},
      {"\xed\xaf\xbf", 1},
      {"\xed\xb0\x80", 1},
      {"\xed\xbe\x80", 1},
      {"\xed\xbf\xbf", 1},
      {"\xed\xa0\x80\xed\xb0\x80", 1},
      {"\xed\xaf\xbf\xed\xbf\xbf", 1},
      // Beyond U+10FFFF.
      {"\xf4\x90\x80\x80", 1},
      {"\xf4\xbf\xbf\xbf", 1},
  };
  return kTexts;
}

/// The beginnings of code points: nothing is wrong but that the message ends.
const std::vector<std::string>& unfinished_texts() {
  static const std::vector<std::string> kTexts = {
      "\xc2",
      "\xdf",
      "\xe0",
      "\xe0\xa0",
      "\xed\x9f",
      "\xef\xbf",
      "\xf0",
      "\xf0\x90",
      "\xf0\x90\x80",
      "\xf4\x8f\xbf",
      "\xce\xba\xe1\xbd\xb9\xcf",
  };
  return kTexts;
}

std::string hex(std::string_view octets) {
  std::string text;
  for (const char octet : octets) text += fmt::format("{:02x} ", static_cast<unsigned char>(octet));
  return text;
}

/// The first `length` octets of a whole text frame that has more to come.
std::string beginning(std::string_view octets) {
  const std::string whole = frame(0x80 | kText, std::string(octets) + std::string(100, ' '));
  return whole.substr(0, whole.size() - 100);
}

}  // namespace

TEST_CASE("valid text comes back, whole and cut at every octet") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const std::string& text : valid_texts()) {
    const Transcript answers = and_1000({told("text", text)});
    cases.push_back({hex(text), frame(0x80 | kText, text), answers});
    cases.push_back({hex(text) + "octet by octet", fragments(kText, text, 1), answers});
  }
  check(server, cases);
}

TEST_CASE("invalid text is 1007, whole, cut at every octet, and behind good text") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const Invalid& text : invalid_texts()) {
    const std::string name = hex(text.octets);
    cases.push_back({name, frame(0x80 | kText, text.octets), {"close:1007"}});
    cases.push_back({name + "octet by octet", fragments(kText, text.octets, 1), {"close:1007"}});
    cases.push_back({name + "behind words",
                     frame(0x80 | kText, "good") + frame(0x80 | kText, "words " + text.octets),
                     {"text:good", "close:1007"}});
  }
  check(server, cases);
}

TEST_CASE("text that ends inside a code point is 1007 at its end") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const std::string& text : unfinished_texts()) {
    const std::string name = hex(text);
    cases.push_back({name, frame(0x80 | kText, text), {"close:1007"}});
    cases.push_back({name + "with an empty end",
                     frame(kText, text) + frame(0x89, "p") + frame(0x80),
                     {"pong:p", "close:1007"}});
  }
  check(server, cases);
}

TEST_CASE("the first bad octet is answered at once, though its frame is not whole") {
  const EchoServer server;
  for (const Invalid& text : invalid_texts()) {
    CAPTURE(hex(text.octets));
    Peer peer(server);
    peer.send(beginning(std::string_view(text.octets).substr(0, text.good + 1)));
    CHECK(peer.rest() == Transcript{"close:1007"});
  }
}

TEST_CASE("before the bad octet nothing is wrong, at it all is, across fragments too") {
  const EchoServer server;
  for (const Invalid& text : invalid_texts()) {
    CAPTURE(hex(text.octets));
    Peer peer(server);
    peer.send(frame(kText, std::string_view(text.octets).substr(0, text.good)) + frame(0x89, "p"));
    CHECK(peer.next() == "pong:p");
    peer.send(frame(0, text.octets.substr(text.good, 1)));
    CHECK(peer.rest() == Transcript{"close:1007"});
  }
}

TEST_CASE("a binary message may be anything") {
  const EchoServer server;
  std::vector<Case> cases;
  for (const Invalid& text : invalid_texts()) {
    cases.push_back(
        {hex(text.octets), frame(0x82, text.octets), and_1000({told("binary", text.octets)})});
  }
  check(server, cases);
}
