#pragma once

#include <array>
#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fairlead {

/// Text or binary: the two kinds of data frame (RFC 6455, 5.6).
enum class MessageKind : std::uint8_t { kText = 1, kBinary = 2 };

/// The header of one unmasked message of `length` bytes (RFC 6455, 5.2).
class FrameHeader {
 public:
  FrameHeader(MessageKind kind, std::size_t length) {
    put(0x80U | static_cast<unsigned>(kind));
    if (length < 126) {
      put(static_cast<unsigned>(length));
      return;
    }
    const bool is_short = length <= 0xFFFF;
    put(is_short ? 126 : 127);
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) {
      put(static_cast<unsigned>((length >> shift) & 0xFF));
    }
  }

  std::string_view bytes() const { return {bytes_.data(), size_}; }

  /// How long the header is that `wire` begins with, by its second byte.
  static std::size_t size_of(std::string_view wire) {
    const unsigned length = static_cast<unsigned char>(wire[1]) & 0x7FU;
    return length < 126 ? 2 : length == 126 ? 4 : 10;
  }

 private:
  void put(unsigned byte) { bytes_[size_++] = static_cast<char>(byte); }

  std::array<char, 10> bytes_{};
  std::size_t size_ = 0;
};

class FramePool;
class Frame;
using SharedFrame = boost::intrusive_ptr<Frame>;

/// One or more whole messages as a server sends them: each an unmasked header and its payload, one
/// behind the other (RFC 6455, 5.2). Nothing of it can be changed once a builder has finished it,
/// so many outboxes on several threads share it; the last one gives it back to the pool it came
/// from.
class Frame {
 public:
  /// What goes on the socket.
  std::string_view wire() const { return wire_; }
  std::uint32_t messages() const { return messages_; }
  /// Of the first message (which as a rule is the only one).
  std::string_view payload() const {
    const std::size_t header = FrameHeader::size_of(wire_);
    return std::string_view(wire_).substr(header, messages_ == 1 ? wire_.size() : length_at(0));
  }
  MessageKind kind() const {
    return static_cast<MessageKind>(static_cast<unsigned char>(wire_.front()) & 0xFU);
  }

  /// Other bytes that say the same to peers who agreed to them (RFC 7692): what `make` returned to
  /// the first who asked for that `form`, on whatever thread; who asks meanwhile waits. Lasts as
  /// long as the frame. The numbers of forms are the caller's.
  template <typename Make>
  std::string_view form(int form, Make&& make) const {
    const std::lock_guard lock(forms_mutex_);
    for (const Form& made : forms_) {
      if (made.number == form) return made.wire;
    }
    return forms_.emplace_front(Form{.number = form, .wire = make()}).wire;
  }

  /// Calls `each(payload)` for every message.
  template <typename Each>
  void for_each_payload(Each&& each) const {
    for (std::size_t at = 0; at < wire_.size();) {
      const std::size_t length = length_at(at);
      at += FrameHeader::size_of(std::string_view(wire_).substr(at));
      each(std::string_view(wire_).substr(at, length));
      at += length;
    }
  }

 private:
  struct Form {
    int number = 0;
    std::string wire;
  };

  friend class FramePool;
  friend class FrameBuilder;
  friend void intrusive_ptr_add_ref(Frame* frame) {
    frame->holders_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(Frame* frame);

  std::size_t length_at(std::size_t at) const {
    const std::size_t header = FrameHeader::size_of(std::string_view(wire_).substr(at));
    if (header == 2) return static_cast<unsigned char>(wire_[at + 1]) & 0x7FU;
    std::size_t length = 0;
    for (std::size_t i = 2; i < header; ++i) {
      length = length << 8U | static_cast<unsigned char>(wire_[at + i]);
    }
    return length;
  }

  std::string wire_;
  std::uint32_t messages_ = 0;
  mutable std::mutex forms_mutex_;
  /// A list: its members stay where they are.
  mutable std::forward_list<Form> forms_;
  std::atomic<std::uint32_t> holders_ = 0;
  /// Where it goes back to; null while it is there, and for frames of no pool.
  std::shared_ptr<FramePool> pool_;
};

/// Frames that nobody holds, kept for their memory. Bounded. Frames come back on any thread.
class FramePool : public std::enable_shared_from_this<FramePool> {
 public:
  std::unique_ptr<Frame> take() {
    std::unique_ptr<Frame> frame;
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        frame = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (!frame) frame = std::make_unique<Frame>();
    frame->pool_ = shared_from_this();
    return frame;
  }

 private:
  friend void intrusive_ptr_release(Frame* frame);
  static constexpr std::size_t kMostKept = 4096;
  static constexpr std::size_t kMostBytes = 16'384;

  void give(std::unique_ptr<Frame> frame) {
    if (frame->wire_.capacity() > kMostBytes) return;
    frame->wire_.clear();
    frame->messages_ = 0;
    frame->forms_.clear();
    const std::lock_guard lock(mutex_);
    if (free_.size() < kMostKept) free_.push_back(std::move(frame));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Frame>> free_;
};

/// Writes a frame that nobody shares yet.
class FrameBuilder {
 public:
  /// `pool` null: the frame is made and destroyed.
  explicit FrameBuilder(FramePool* pool)
      : frame_(pool != nullptr ? pool->take() : std::make_unique<Frame>()) {}

  void add(MessageKind kind, std::string_view payload) {
    const FrameHeader header(kind, payload.size());
    frame_->wire_.append(header.bytes()).append(payload);
    ++frame_->messages_;
  }
  std::uint32_t messages() const { return frame_->messages_; }
  std::size_t bytes() const { return frame_->wire_.size(); }

  /// At least one message was added. The builder is of no use any more.
  SharedFrame finish() && { return SharedFrame(frame_.release()); }

 private:
  std::unique_ptr<Frame> frame_;
};

inline void intrusive_ptr_release(Frame* frame) {
  if (frame->holders_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // Nobody else holds it, so it may change again.
  std::unique_ptr<Frame> last(frame);
  if (const std::shared_ptr<FramePool> pool = std::move(last->pool_)) pool->give(std::move(last));
}

inline SharedFrame make_frame(MessageKind kind, std::string_view payload,
                              FramePool* pool = nullptr) {
  FrameBuilder builder(pool);
  builder.add(kind, payload);
  return std::move(builder).finish();
}

}  // namespace fairlead
