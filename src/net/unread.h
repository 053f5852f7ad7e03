#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/websocket_decoder.h"

namespace fairlead::net {

/// What was read from a socket and not decoded yet, with the padding that the decoder asks for.
/// Holds no memory while it is empty.
class Unread {
 public:
  Unread() = default;
  explicit Unread(std::string_view bytes) {
    if (bytes.empty()) return;
    buffer_ = std::make_unique<Buffer>();
    buffer_->bytes.reserve(bytes.size() + WebSocketDecoder::kPadding);
    buffer_->bytes.assign(bytes);
  }

  bool is_empty() const { return !buffer_; }
  /// Memory held, decoded bytes in it too.
  std::size_t held_bytes() const { return buffer_ ? buffer_->bytes.size() : 0; }
  /// To be decoded in place.
  std::span<char> bytes() {
    return buffer_ ? std::span(buffer_->bytes).subspan(buffer_->begin) : std::span<char>();
  }
  /// The first `count` bytes are decoded; nothing is moved.
  void take(std::size_t count) {
    if (!buffer_) return;
    buffer_->begin += count;
    if (buffer_->begin == buffer_->bytes.size()) buffer_.reset();
  }

 private:
  struct Buffer {
    std::string bytes;
    std::size_t begin = 0;
  };
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace fairlead::net
