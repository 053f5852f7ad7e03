#include "support/ws_frame.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <random>

#include "support/failure.h"

namespace fairlead::support {
namespace {

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xFFU);
  }
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

void check_header(std::uint8_t first, std::uint8_t second, std::uint64_t length,
                  std::uint8_t allowed_rsv) {
  const bool control = (first & 0x8U) != 0;
  const bool minimal = (second & 0x7FU) < 126 || length > ((second & 0x7FU) == 126 ? 125U : 65535U);
  const bool reserved = (first & 0x7U) > 2;
  if ((first & 0x70U & ~allowed_rsv) != 0 || reserved || (second & 0x80U) != 0 || !minimal ||
      (control && ((first & 0x80U) == 0 || length > 125))) {
    throw Failure(
        fmt::format("a server must not send a frame that begins {:#04x} {:#04x}, {} bytes", first,
                    second, length));
  }
}

}  // namespace

std::string encode_masked(const Frame& frame) {
  constexpr std::array<char, 4> kMask{'\x37', '\x7a', '\x21', '\x3d'};
  std::string out;
  out += static_cast<char>((frame.fin ? 0x80U : 0U) | frame.rsv | frame.opcode);
  const std::size_t size = frame.payload.size();
  if (size < 126) {
    out += static_cast<char>(0x80U | size);
  } else if (size < 65536) {
    out += static_cast<char>(0x80U | 126U);
    append_big_endian(out, size, 2);
  } else {
    out += static_cast<char>(0x80U | 127U);
    append_big_endian(out, size, 8);
  }
  out.append(kMask.data(), kMask.size());
  for (std::size_t i = 0; i < size; ++i) {
    out += static_cast<char>(frame.payload[i] ^ kMask[i % kMask.size()]);
  }
  return out;
}

std::optional<Frame> take_frame(std::string& buffer, std::uint8_t allowed_rsv) {
  if (buffer.size() < 2) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(buffer[0]);
  const auto second = static_cast<std::uint8_t>(buffer[1]);
  std::size_t header = 2;
  std::uint64_t length = second & 0x7FU;
  if (length >= 126) {
    const std::size_t bytes = length == 126 ? 2 : 8;
    header += bytes;
    if (buffer.size() < header) return std::nullopt;
    length = big_endian(std::string_view(buffer).substr(2, bytes));
  }
  check_header(first, second, length, allowed_rsv);
  if (buffer.size() < header + length) return std::nullopt;
  Frame frame{.opcode = static_cast<std::uint8_t>(first & 0xFU),
              .fin = (first & 0x80U) != 0,
              .payload = buffer.substr(header, length),
              .rsv = static_cast<std::uint8_t>(first & 0x70U)};
  buffer.erase(0, header + length);
  return frame;
}

std::string random_key() {
  std::random_device source;
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += static_cast<char>(source() & 0xFFU);
  return base64(bytes);
}

std::string accept_for(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr);
  return base64({reinterpret_cast<const char*>(digest.data()), static_cast<std::size_t>(length)});
}

}  // namespace fairlead::support
