#pragma once

#include <array>
#include <cstddef>

#include "base/assert.h"

namespace fairlead::net {

/// Room for the one operation that is under way with Asio at a time, so that waiting asks the heap
/// for nothing. Outlives the operation.
class WaitMemory {
 public:
  WaitMemory() = default;
  WaitMemory(const WaitMemory&) = delete;
  WaitMemory& operator=(const WaitMemory&) = delete;

  void* take(std::size_t bytes) {
    FAIRLEAD_ASSERT(!is_taken_);
    FAIRLEAD_ASSERT(bytes <= room_.size());
    is_taken_ = true;
    return room_.data();
  }
  void give_back() { is_taken_ = false; }

 private:
  /// What Asio keeps of a wait is 136 bytes long.
  alignas(std::max_align_t) std::array<std::byte, 256> room_{};
  bool is_taken_ = false;
};

/// WaitMemory as an allocator, to be associated with a handler.
template <typename T>
class WaitAllocator {
 public:
  using value_type = T;

  explicit WaitAllocator(WaitMemory& memory) : memory_(&memory) {}
  template <typename Other>
  explicit WaitAllocator(const WaitAllocator<Other>& other) : memory_(other.memory()) {}

  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= alignof(std::max_align_t));
    return static_cast<T*>(memory_->take(count * sizeof(T)));
  }
  void deallocate(T* /*place*/, std::size_t /*count*/) { memory_->give_back(); }

  WaitMemory* memory() const { return memory_; }
  bool operator==(const WaitAllocator&) const = default;

 private:
  WaitMemory* memory_;
};

}  // namespace fairlead::net
