#include "auth/base64url.h"

#include <array>
#include <cstdint>

namespace fairlead::auth {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Has a bit outside the six of a value, so that one test finds it among four letters.
constexpr std::uint8_t kNoLetter = 0x80;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoLetter);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

std::uint32_t value_of(char letter) { return kValues[static_cast<unsigned char>(letter)]; }

char low_byte(std::uint32_t bits) { return static_cast<char>(bits & 0xFFU); }

char letter_of(std::uint32_t bits) { return kAlphabet[bits & 63U]; }

std::uint32_t byte_of(char byte) { return static_cast<unsigned char>(byte); }

}  // namespace

std::string encode_base64url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  while (bytes.size() >= 3) {
    const std::uint32_t bits = byte_of(bytes[0]) << 16 | byte_of(bytes[1]) << 8 | byte_of(bytes[2]);
    for (int shift = 18; shift >= 0; shift -= 6) text.push_back(letter_of(bits >> shift));
    bytes.remove_prefix(3);
  }
  if (bytes.size() == 1) {
    text.push_back(letter_of(byte_of(bytes[0]) >> 2));
    text.push_back(letter_of(byte_of(bytes[0]) << 4));
  } else if (bytes.size() == 2) {
    const std::uint32_t bits = byte_of(bytes[0]) << 8 | byte_of(bytes[1]);
    text.push_back(letter_of(bits >> 10));
    text.push_back(letter_of(bits >> 4));
    text.push_back(letter_of(bits << 2));
  }
  return text;
}

std::optional<std::size_t> decode_base64url(std::string_view text, char* into) {
  if (text.size() % 4 == 1) return std::nullopt;
  const char* const start = into;
  std::uint32_t seen = 0;
  while (text.size() >= 4) {
    const std::uint32_t a = value_of(text[0]);
    const std::uint32_t b = value_of(text[1]);
    const std::uint32_t c = value_of(text[2]);
    const std::uint32_t d = value_of(text[3]);
    seen |= a | b | c | d;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    *into++ = low_byte(bits >> 16);
    *into++ = low_byte(bits >> 8);
    *into++ = low_byte(bits);
    text.remove_prefix(4);
  }
  std::uint32_t unused = 0;
  if (text.size() >= 2) {
    const std::uint32_t a = value_of(text[0]);
    const std::uint32_t b = value_of(text[1]);
    seen |= a | b;
    *into++ = low_byte(a << 2 | b >> 4);
    unused = b & 15U;
    if (text.size() == 3) {
      const std::uint32_t c = value_of(text[2]);
      seen |= c;
      *into++ = low_byte(b << 4 | c >> 2);
      unused = c & 3U;
    }
  }
  if ((seen & kNoLetter) != 0 || unused != 0) return std::nullopt;
  return static_cast<std::size_t>(into - start);
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes(decoded_size(text.size()), '\0');
  const auto size = decode_base64url(text, bytes.data());
  if (!size) return std::nullopt;
  bytes.resize(*size);
  return bytes;
}

}  // namespace fairlead::auth
