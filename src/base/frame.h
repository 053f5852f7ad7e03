#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fairlead {

/// Text or binary: the two kinds of data frame (RFC 6455, 5.6).
enum class MessageKind : std::uint8_t { kText = 1, kBinary = 2 };

/// One whole message as a server sends it: unmasked header and payload in one run of bytes
/// (RFC 6455, 5.2). Immutable, so that many outboxes on several threads share it.
class Frame {
 public:
  Frame(MessageKind kind, std::string_view payload) {
    wire_.reserve(payload.size() + kMaxHeader);
    wire_.push_back(static_cast<char>(0x80U | static_cast<unsigned>(kind)));
    append_length(payload.size());
    header_bytes_ = wire_.size();
    wire_.append(payload);
  }

  /// What goes on the socket.
  std::string_view wire() const { return wire_; }
  std::string_view payload() const { return std::string_view(wire_).substr(header_bytes_); }

 private:
  static constexpr std::size_t kMaxHeader = 10;

  void append_length(std::size_t length) {
    if (length < 126) {
      wire_.push_back(static_cast<char>(length));
      return;
    }
    const bool is_short = length <= 0xFFFF;
    wire_.push_back(is_short ? char{126} : char{127});
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) {
      wire_.push_back(static_cast<char>((length >> shift) & 0xFF));
    }
  }

  std::string wire_;
  std::size_t header_bytes_ = 0;
};

/// Shared by every outbox that still has to send it.
using SharedFrame = std::shared_ptr<const Frame>;

inline SharedFrame make_frame(MessageKind kind, std::string_view payload) {
  return std::make_shared<const Frame>(kind, payload);
}

}  // namespace fairlead
