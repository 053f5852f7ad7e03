#include "net/websocket.h"

#include <doctest/doctest.h>

#include <string>

#include "base/frame.h"
#include "net/utf8.h"

using namespace fairlead::net;

TEST_CASE("the mask of RFC 6455, 5.7 turns Hello into its octets and back") {
  std::string bytes = "Hello";
  apply_mask(bytes, 0x3d21fa37);
  CHECK(bytes == "\x7f\x9f\x4d\x51\x58");
  apply_mask(bytes, 0x3d21fa37);
  CHECK(bytes == "Hello");
}

TEST_CASE("masking in pieces is masking at once") {
  std::string whole(61, '\0');
  for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<char>(i * 7);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::string pieces = whole;
    apply_mask(std::span(pieces).first(cut), 0x12345678);
    apply_mask(std::span(pieces).subspan(cut), 0x12345678, cut);
    std::string once = whole;
    apply_mask(once, 0x12345678);
    CHECK(pieces == once);
  }
}

TEST_CASE("a close payload is code and reason, and empty without a code") {
  CHECK(close_payload(1000, "bye") ==
        "\x03\xe8"
        "bye");
  CHECK(close_payload(1005, "ignored").empty());
}

TEST_CASE("a close reason too long is cut at the border of a code point") {
  std::string reason(121, 'a');
  reason += "\u20ac\u20ac";
  const std::string payload = close_payload(1000, reason);
  CHECK(payload.size() <= kMaxControlBytes);
  CHECK(payload.substr(2) == std::string(121, 'a'));
  CHECK(close_payload(1000, std::string(123, 'b')).size() == kMaxControlBytes);
}

TEST_CASE("a server's control frame is bare, a client's is masked") {
  CHECK(control_frame(Opcode::kPong, "Hello") == "\x8a\x05Hello");
  CHECK(masked_frame(Opcode::kPong, "Hello", 0x3d21fa37) ==
        "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

TEST_CASE("the shared frame has the layout that the encoder of this floor has") {
  for (const std::size_t length : {0U, 125U, 126U, 65535U, 65536U}) {
    const std::string payload(length, 'x');
    std::string expected = compressed_frame(Opcode::kText, payload);
    expected[0] = '\x81';
    CHECK(fairlead::make_frame(fairlead::MessageKind::kText, payload)->wire() == expected);
  }
}
