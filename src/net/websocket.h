#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fairlead::net {

/// RFC 6455, 5.2.
enum class Opcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

/// Which end we are: a server gets masked frames and sends bare ones, a client the other way round
/// (RFC 6455, 5.1).
enum class Role : std::uint8_t { kServer, kClient };

/// Close codes that this floor itself sends or reports (RFC 6455, 7.4.1).
namespace close_code {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kNoCode = 1005;
inline constexpr std::uint16_t kLost = 1006;
inline constexpr std::uint16_t kNotUtf8 = 1007;
inline constexpr std::uint16_t kTooBig = 1009;
}  // namespace close_code

/// A control frame's payload is at most this long (RFC 6455, 5.5), so a close reason 123.
inline constexpr std::size_t kMaxControlBytes = 125;
inline constexpr std::size_t kMaxCloseReasonBytes = kMaxControlBytes - 2;

/// Whether a peer may put `code` in a close frame (RFC 6455, 7.4, and IANA's later 1012 to 1014).
constexpr bool is_wire_close_code(std::uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

/// XORs `bytes`, which stand at `offset` of their frame's payload, with the masking key (its four
/// octets in the order of the wire, in native memory order). Masks and unmasks (RFC 6455, 5.3).
void apply_mask(std::span<char> bytes, std::uint32_t key, std::size_t offset = 0);

/// Payload of a close frame; empty for kNoCode. The reason is cut at kMaxCloseReasonBytes, at the
/// border of a code point.
std::string close_payload(std::uint16_t code, std::string_view reason);

/// A whole control frame as a server sends it. `payload` has at most kMaxControlBytes.
std::string control_frame(Opcode opcode, std::string_view payload);

/// A whole frame as a client sends it, masked with `key`. `is_compressed` sets RSV1 (RFC 7692).
std::string masked_frame(Opcode opcode, std::string_view payload, std::uint32_t key,
                         bool is_compressed = false);

/// A whole unmasked data frame with RSV1 set: a message compressed by a server (RFC 7692, 6).
std::string compressed_frame(Opcode opcode, std::string_view payload);

/// Masking keys of a client: xorshift from a seed of the operating system. RFC 6455, 10.3 wants
/// them unpredictable against scripts that choose payloads behind caching proxies; our client is a
/// simulator and a load generator whose payloads are its own, so cheap is enough.
class MaskKeys {
 public:
  MaskKeys();
  explicit MaskKeys(std::uint64_t seed) : state_(seed | 1) {}
  std::uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>(state_ >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace fairlead::net
