#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/frame.h"

namespace fairlead::net {

/// One stretch of bytes to send, and what keeps it alive.
struct SendItem {
  std::string_view bytes;
  /// Shared with other queues; null when the bytes are in `chunk` or constant.
  SharedFrame frame;
  /// This queue's own bytes. What is added stays within its capacity, so that they do not move.
  std::unique_ptr<std::string> chunk;
};

/// What waits in one queue. The items before `first` have left.
struct SendItems {
  std::vector<SendItem> items;
  std::size_t first = 0;
};

/// Memory that the send queues of one reactor take while they have something to send, and give back
/// when it has left: idle connections hold none, and busy ones do not ask the heap. Bounded.
/// Thread: the reactor's.
class SendBuffers {
 public:
  static constexpr std::size_t kChunkBytes = 4096;

  std::unique_ptr<SendItems> take_items() {
    if (items_.empty()) return std::make_unique<SendItems>();
    return pop(items_);
  }
  void give(std::unique_ptr<SendItems> items) {
    for (SendItem& item : items->items) {
      if (item.chunk) give(std::move(item.chunk));
    }
    items->items.clear();
    items->first = 0;
    const bool is_usual = items->items.capacity() <= kMostItems;
    if (is_usual && items_.size() < kMostKept) items_.push_back(std::move(items));
  }

  std::unique_ptr<std::string> take_chunk() {
    if (!chunks_.empty()) return pop(chunks_);
    auto chunk = std::make_unique<std::string>();
    chunk->reserve(kChunkBytes);
    return chunk;
  }
  void give(std::unique_ptr<std::string> chunk) {
    chunk->clear();
    const bool is_usual = chunk->capacity() >= kChunkBytes && chunk->capacity() < 2 * kChunkBytes;
    if (is_usual && chunks_.size() < kMostKept) chunks_.push_back(std::move(chunk));
  }

 private:
  static constexpr std::size_t kMostKept = 1024;
  static constexpr std::size_t kMostItems = 1024;

  template <typename T>
  static T pop(std::vector<T>& kept) {
    T last = std::move(kept.back());
    kept.pop_back();
    return last;
  }

  std::vector<std::unique_ptr<SendItems>> items_;
  std::vector<std::unique_ptr<std::string>> chunks_;
};

}  // namespace fairlead::net
