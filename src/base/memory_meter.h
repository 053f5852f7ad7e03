#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fairlead {

/// What memory is held for.
enum class MemoryKind : std::uint8_t {
  /// Sent, and not yet taken by the peer's kernel.
  kQueued,
  /// Received, and not yet a whole message or request.
  kReceived,
  /// Waits for the store.
  kStore,
  /// Waits for a shard.
  kMail,
};
inline constexpr std::size_t kMemoryKindCount = 4;

/// Bytes held for peers and the store, over all threads, against one bound. Thread-safe. The sum is
/// as fresh as its parts, which are told once a turn; shared bytes count for each who waits for
/// them.
class MemoryMeter {
 public:
  /// 0: no bound.
  explicit MemoryMeter(std::size_t limit) : limit_(static_cast<std::int64_t>(limit)) {}
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  void add(MemoryKind kind, std::int64_t bytes) {
    held_[static_cast<std::size_t>(kind)].fetch_add(bytes, std::memory_order_relaxed);
  }
  void set(MemoryKind kind, std::int64_t bytes) {
    held_[static_cast<std::size_t>(kind)].store(bytes, std::memory_order_relaxed);
  }
  std::int64_t held(MemoryKind kind) const {
    return held_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
  }
  std::int64_t total() const {
    std::int64_t sum = 0;
    for (const auto& each : held_) sum += each.load(std::memory_order_relaxed);
    return sum;
  }
  /// Three quarters of the bound: what may be dropped should be.
  bool is_high() const { return limit_ > 0 && total() >= limit_ / 4 * 3; }
  bool is_over() const { return limit_ > 0 && total() >= limit_; }

 private:
  const std::int64_t limit_;
  std::array<std::atomic<std::int64_t>, kMemoryKindCount> held_{};
};

}  // namespace fairlead
