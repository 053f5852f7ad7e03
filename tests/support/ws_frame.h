#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::support {

inline constexpr std::uint8_t kContinuation = 0x0;
inline constexpr std::uint8_t kText = 0x1;
inline constexpr std::uint8_t kBinary = 0x2;
inline constexpr std::uint8_t kClose = 0x8;
inline constexpr std::uint8_t kPing = 0x9;
inline constexpr std::uint8_t kPong = 0xA;

/// RSV1 in the place it has in a frame's first octet; RFC 7692 marks compressed messages with it.
inline constexpr std::uint8_t kRsv1 = 0x40;

struct Frame {
  std::uint8_t opcode = kText;
  bool fin = true;
  std::string payload = {};
  /// The reserved bits, where they stand in the first octet.
  std::uint8_t rsv = 0;
};

/// A client's frame, masked, whether the rules allow it or not.
std::string encode_masked(const Frame& frame);

/// Takes the first frame off `buffer`, or nothing while it is not whole. Throws Failure for what a
/// server must not send: masks, reserved bits other than `allowed_rsv`, reserved opcodes, lengths
/// that are longer than they need be, fragmented or long control frames.
std::optional<Frame> take_frame(std::string& buffer, std::uint8_t allowed_rsv = 0);

/// The 24 characters of a Sec-WebSocket-Key, and the answer that a server owes to them.
std::string random_key();
std::string accept_for(std::string_view key);

}  // namespace fairlead::support
