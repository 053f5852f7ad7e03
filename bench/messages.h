#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fairlead::bench {

/// A message of the usual size: four metrics, about 150 bytes.
void write_telemetry(std::string& into, std::int64_t seq);

/// A message of exactly `bytes` bytes: text values in as many metrics as it takes, from 64 KB on a
/// batch of samples. At least 64, and at most 64 KB.
void write_telemetry_of(std::string& into, std::int64_t seq, std::size_t bytes);

/// Whether it is a message of that type.
bool has_type(std::string_view message, std::string_view type);

/// A masked text frame as a client sends it (RFC 6455, 5.2); the mask is constant, which is cheap.
void append_masked_frame(std::string& out, std::string_view payload);

/// Hands the payload of every whole frame of a server to `on_frame(opcode, payload)`. Returns the
/// bytes taken: what is left is the begin of a frame.
template <typename OnFrame>
std::size_t take_frames(std::string_view bytes, OnFrame on_frame) {
  std::size_t at = 0;
  while (bytes.size() - at >= 2) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
    std::size_t header = 2;
    std::uint64_t length = byte(1);
    if (length >= 126) {
      header = length == 126 ? 4 : 10;
      if (bytes.size() - at < header) break;
      length = 0;
      for (std::size_t i = 2; i < header; ++i) length = length << 8 | byte(i);
    }
    if (bytes.size() - at < header + length) break;
    on_frame(byte(0) & 0x0FU, bytes.substr(at + header, length));
    at += header + length;
  }
  return at;
}

}  // namespace fairlead::bench
