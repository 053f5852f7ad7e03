#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/frame.h"
#include "net/socket.h"

namespace fairlead::net {

/// Bytes on their way to a socket, by reference: frames are shared with other queues, never copied.
/// Holds no heap memory while empty.
class SendQueue {
 public:
  enum class Outcome : std::uint8_t {
    /// The kernel has all.
    kDrained,
    /// The kernel's buffer is full; epoll tells when to go on.
    kBlocked,
    /// Enough for this turn, though the kernel would take more.
    kMore,
    kLost,
  };

  void push(SharedFrame frame);
  void push(std::string bytes);
  /// `bytes` outlive the program's use of the queue: constants only.
  void push_constant(std::string_view bytes);

  /// As much as the kernel takes, up to kMaxFramesPerCall frames a call and kMaxCalls calls.
  Outcome write_to(const Socket& socket);
  void clear();

  bool is_empty() const { return first_ == items_.size(); }
  /// Position of the last byte queued in the stream of all bytes.
  std::uint64_t queued() const { return queued_; }
  /// Position up to which the kernel took bytes.
  std::uint64_t written() const { return written_; }
  std::uint64_t waiting() const { return queued_ - written_; }

 private:
  static constexpr std::size_t kMaxFramesPerCall = 64;
  static constexpr int kMaxCalls = 16;

  struct Item {
    std::string_view bytes;
    std::shared_ptr<const void> owner;
  };

  void push_item(std::string_view bytes, std::shared_ptr<const void> owner);
  void take(std::size_t bytes);

  /// One frame a turn is the usual case and needs no heap.
  boost::container::small_vector<Item, 1> items_;
  /// Items before this one are gone.
  std::size_t first_ = 0;
  std::uint64_t queued_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace fairlead::net
