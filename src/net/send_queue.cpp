#include "net/send_queue.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace fairlead::net {
namespace {

/// iovec has no const form; the kernel only reads.
iovec piece_of(std::string_view bytes) {
  return {.iov_base = std::bit_cast<void*>(bytes.data()), .iov_len = bytes.size()};
}

}  // namespace

void SendQueue::push_item(std::string_view bytes, std::shared_ptr<const void> owner) {
  queued_ += bytes.size();
  items_.push_back({.bytes = bytes, .owner = std::move(owner)});
}

void SendQueue::push(SharedFrame frame) {
  const std::string_view bytes = frame->wire();
  push_item(bytes, std::move(frame));
}

void SendQueue::push(std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  const std::string_view view = *owner;
  push_item(view, std::move(owner));
}

void SendQueue::push_constant(std::string_view bytes) { push_item(bytes, nullptr); }

void SendQueue::clear() {
  decltype(items_)().swap(items_);
  first_ = 0;
}

void SendQueue::take(std::size_t bytes) {
  written_ += bytes;
  while (bytes > 0) {
    Item& item = items_[first_];
    if (bytes < item.bytes.size()) {
      item.bytes.remove_prefix(bytes);
      return;
    }
    bytes -= item.bytes.size();
    item.owner.reset();
    ++first_;
  }
  // A queue that never drains must not keep the places of what has left.
  if (first_ >= kMaxFramesPerCall && first_ >= items_.size() / 2) {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

SendQueue::Outcome SendQueue::write_to(const Socket& socket) {
  std::array<iovec, kMaxFramesPerCall> pieces;
  for (int call = 0; call < kMaxCalls; ++call) {
    const std::size_t count = std::min(items_.size() - first_, pieces.size());
    if (count == 0) {
      clear();
      return Outcome::kDrained;
    }
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < count; ++i) {
      pieces[i] = piece_of(items_[first_ + i].bytes);
      wanted += pieces[i].iov_len;
    }
    const IoResult result = socket.send(std::span(pieces).first(count));
    if (result.status == IoResult::Status::kBlocked) return Outcome::kBlocked;
    if (result.status != IoResult::Status::kOk) return Outcome::kLost;
    take(result.bytes);
    // The kernel took a part: its buffer is full, asking again would only tell us so.
    if (result.bytes < wanted) return Outcome::kBlocked;
  }
  if (!is_empty()) return Outcome::kMore;
  clear();
  return Outcome::kDrained;
}

}  // namespace fairlead::net
