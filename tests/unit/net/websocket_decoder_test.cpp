#include "net/websocket_decoder.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using fairlead::MessageKind;
using fairlead::net::Decoded;
using fairlead::net::Opcode;
using fairlead::net::Role;
using fairlead::net::WebSocketDecoder;

namespace {

using Events = std::vector<std::string>;

constexpr std::uint32_t kKey = 0x3d21fa37;
constexpr std::size_t kMax = 1 << 20;

/// A frame with any first octet, masked, whatever the rules say.
std::string frame(unsigned first, std::string_view payload) {
  std::string bytes = fairlead::net::masked_frame(Opcode::kText, payload, kKey);
  bytes[0] = static_cast<char>(first);
  return bytes;
}

std::string text(std::string_view payload) { return frame(0x81, payload); }

std::string close_of(std::uint16_t code, std::string_view reason = "") {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  payload += reason;
  return frame(0x88, payload);
}

std::string describe(const Decoded& found) {
  const std::string payload(found.payload);
  switch (found.kind) {
    case Decoded::Kind::kMessage:
      return (found.message == MessageKind::kText ? "text:" : "binary:") + payload;
    case Decoded::Kind::kPing:
      return "ping:" + payload;
    case Decoded::Kind::kPong:
      return "pong:" + payload;
    case Decoded::Kind::kClose:
      return "close:" + std::to_string(found.code) + ":" + payload;
    case Decoded::Kind::kError:
      return "error:" + std::to_string(found.code);
    case Decoded::Kind::kNeedMore:
      break;
  }
  return "nothing";
}

/// Plays the connection: keeps what the decoder leaves and gives it again with more behind.
class Feed {
 public:
  explicit Feed(std::size_t max = kMax, Role role = Role::kServer) : decoder_(role, max) {}

  void operator()(std::string_view piece) {
    std::string buffer = left_;
    buffer += piece;
    const std::size_t length = buffer.size();
    buffer.append(WebSocketDecoder::kPadding, '\0');
    std::span<char> input(buffer.data(), length);
    for (;;) {
      const Decoded found = decoder_.next(input);
      if (found.kind == Decoded::Kind::kNeedMore) break;
      events.push_back(describe(found));
      if (found.kind == Decoded::Kind::kError) break;
    }
    left_.assign(input.data(), input.size());
    const bool is_bounded = left_.size() <= WebSocketDecoder::kMaxLeftover || !events.empty();
    CHECK(is_bounded);
  }

  Events events;

 private:
  WebSocketDecoder decoder_;
  std::string left_;
};

Events decode_whole(std::string_view bytes, std::size_t max = kMax, Role role = Role::kServer) {
  Feed feed(max, role);
  feed(bytes);
  return feed.events;
}

/// The same whichever way the bytes arrive: at once, one by one, and cut at every place.
Events decode(std::string_view bytes, std::size_t max = kMax, Role role = Role::kServer) {
  const Events expected = decode_whole(bytes, max, role);
  Feed single(max, role);
  for (const char& byte : bytes) single({&byte, 1});
  CHECK(single.events == expected);
  for (std::size_t cut = 0; cut < bytes.size() && bytes.size() < 1000; ++cut) {
    Feed halves(max, role);
    halves(bytes.substr(0, cut));
    halves(bytes.substr(cut));
    CHECK(halves.events == expected);
  }
  return expected;
}

}  // namespace

TEST_CASE("the examples of RFC 6455, 5.7 decode") {
  CHECK(decode("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == Events{"text:Hello"});
  CHECK(decode("\x81\x05Hello", kMax, Role::kClient) == Events{"text:Hello"});
  CHECK(decode(std::string_view("\x01\x03Hel\x80\x02lo"), kMax, Role::kClient) ==
        Events{"text:Hello"});
  CHECK(decode("\x89\x05Hello", kMax, Role::kClient) == Events{"ping:Hello"});
  CHECK(decode("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") == Events{"pong:Hello"});
}

TEST_CASE("messages of every length class come out whole, one behind the other") {
  for (const std::size_t length : {0U, 1U, 7U, 8U, 9U, 125U, 126U, 127U, 65535U, 65536U, 200000U}) {
    const std::string payload(length, '*');
    const Events expected{"text:" + payload, "binary:" + payload, "text:end"};
    CHECK(decode(text(payload) + frame(0x82, payload) + text("end")) == expected);
  }
}

TEST_CASE("fragments are joined, with control frames between them") {
  const std::string bytes = frame(0x01, "Hel") + frame(0x89, "a") + frame(0x00, "") +
                            frame(0x8A, "b") + frame(0x00, "lo, ") + frame(0x80, "world") +
                            text("next");
  CHECK(decode(bytes) == Events{"ping:a", "pong:b", "text:Hello, world", "text:next"});
}

TEST_CASE("binary fragments need not be UTF-8") {
  CHECK(decode(frame(0x02, "\xFF") + frame(0x80, "\xFE")) == Events{"binary:\xFF\xFE"});
}

TEST_CASE("fragmentation out of order is a protocol error") {
  CHECK(decode(frame(0x80, "x")) == Events{"error:1002"});
  CHECK(decode(frame(0x00, "x")) == Events{"error:1002"});
  CHECK(decode(frame(0x01, "x") + frame(0x81, "y")) == Events{"error:1002"});
  CHECK(decode(frame(0x01, "x") + frame(0x80, "y") + frame(0x80, "z")) ==
        Events{"text:xy", "error:1002"});
}

TEST_CASE("reserved bits and opcodes are protocol errors") {
  for (const unsigned rsv : {0x10U, 0x20U, 0x40U, 0x70U}) {
    CHECK(decode(frame(0x81 | rsv, "x")) == Events{"error:1002"});
    CHECK(decode(frame(0x89 | rsv, "x")) == Events{"error:1002"});
  }
  for (const unsigned opcode : {0x3U, 0x4U, 0x5U, 0x6U, 0x7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
    CHECK(decode(text("a") + frame(0x80 | opcode, "")) == Events{"text:a", "error:1002"});
  }
}

TEST_CASE("control frames are neither long nor fragmented") {
  CHECK(decode(frame(0x89, std::string(125, 'p'))) == Events{"ping:" + std::string(125, 'p')});
  CHECK(decode(frame(0x89, std::string(126, 'p'))) == Events{"error:1002"});
  CHECK(decode(frame(0x09, "p")) == Events{"error:1002"});
  CHECK(decode(frame(0x08, "")) == Events{"error:1002"});
}

TEST_CASE("each end insists on the masking that the other owes") {
  CHECK(decode("\x81\x05Hello") == Events{"error:1002"});
  CHECK(decode(text("Hello"), kMax, Role::kClient) == Events{"error:1002"});
}

TEST_CASE("a length is written in the fewest octets and below 2^63") {
  using std::string_literals::operator""s;
  CHECK(decode("\x82\xFE\x00\x7D"s) == Events{"error:1002"});
  CHECK(decode("\x82\xFF\x00\x00\x00\x00\x00\x00\xFF\xFF"s) == Events{"error:1002"});
  CHECK(decode("\x82\xFF\x80\x00\x00\x00\x00\x00\x00\x00"s) == Events{"error:1002"});
}

TEST_CASE("a message over the bound is refused by its header alone") {
  using std::string_literals::operator""s;
  CHECK(decode(text(std::string(10, 'x')), 10) == Events{"text:xxxxxxxxxx"});
  CHECK(decode(text(std::string(11, 'x')), 10) == Events{"error:1009"});
  CHECK(decode("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s) == Events{"error:1009"});
  CHECK(decode(frame(0x01, "123456") + frame(0x80, "12345"), 10) == Events{"error:1009"});
  CHECK(decode(frame(0x01, "123456") + frame(0x80, "1234"), 10) == Events{"text:1234561234"});
}

TEST_CASE("text is UTF-8, across fragments too") {
  CHECK(decode(text("\u20ac")) == Events{"text:\u20ac"});
  CHECK(decode(text("\xE2\x82")) == Events{"error:1007"});
  CHECK(decode(text("\xCE\xBA\xED\xA0\x80")) == Events{"error:1007"});
  CHECK(decode(frame(0x01, "\xE2") + frame(0x00, "\x82") + frame(0x80, "\xAC")) ==
        Events{"text:\u20ac"});
  CHECK(decode(frame(0x01, "\xE2\x82") + frame(0x80, "")) == Events{"error:1007"});
  CHECK(decode(frame(0x01, "a") + frame(0x00, "\xF4") + frame(0x00, "\x90")) ==
        Events{"error:1007"});
  CHECK(decode(text("\xE2\x82\xAC") + text("\x82")) == Events{"text:\u20ac", "error:1007"});
}

TEST_CASE("a wrong octet is refused before its frame is complete") {
  const std::string whole = text("\xCE\xBA\xE1\xBD\xB9\xF4\x90\x80\x80 edited");
  Feed feed;
  feed(std::string_view(whole).substr(0, 6 + 6));
  CHECK(feed.events.empty());
  feed(std::string_view(whole).substr(12, 1));
  CHECK(feed.events == Events{"error:1007"});
}

TEST_CASE("a close frame gives its code and reason, and is the last thing heard") {
  CHECK(decode(frame(0x88, "")) == Events{"close:1005:"});
  CHECK(decode(close_of(1000, "bye") + text("late") + frame(0x83, "")) == Events{"close:1000:bye"});
  CHECK(decode(frame(0x01, "half") + close_of(1001)) == Events{"close:1001:"});
  CHECK(decode(close_of(1000, std::string(123, 'r'))) ==
        Events{"close:1000:" + std::string(123, 'r')});
}

TEST_CASE("close codes that may not be on the wire are protocol errors") {
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
                         3000, 3999, 4000, 4401, 4999}) {
    CHECK(decode(close_of(static_cast<std::uint16_t>(code))) ==
          Events{"close:" + std::to_string(code) + ":"});
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    CHECK(decode(close_of(static_cast<std::uint16_t>(code))) == Events{"error:1002"});
  }
  CHECK(decode(frame(0x88, "\x03")) == Events{"error:1002"});
}

TEST_CASE("a close reason is UTF-8") {
  CHECK(decode(close_of(1000, "\xC3\xA9")) == Events{"close:1000:\xC3\xA9"});
  CHECK(decode(close_of(1000, "\xC3")) == Events{"error:1007"});
  CHECK(decode(close_of(1000, "\xCE\xBA\xED\xA0\x80")) == Events{"error:1007"});
}

TEST_CASE("after an error nothing more is found") {
  CHECK(decode(frame(0x83, "") + text("late")) == Events{"error:1002"});
}

TEST_CASE("a message whole in the input is a view of it") {
  std::string bytes = text("in place");
  const std::size_t length = bytes.size();
  bytes.append(WebSocketDecoder::kPadding, '\0');
  std::span<char> input(bytes.data(), length);
  WebSocketDecoder decoder(Role::kServer, kMax);
  CHECK(decoder.next(input).payload.data() == bytes.data() + 6);
}
