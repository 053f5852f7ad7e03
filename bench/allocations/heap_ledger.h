#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fairlead::bench {

/// What was taken from the heap.
struct HeapCount {
  std::uint64_t allocations = 0;
  std::uint64_t bytes = 0;
  /// Blocks given back, whoever took them.
  std::uint64_t frees = 0;

  HeapCount& operator+=(const HeapCount& more) {
    allocations += more.allocations;
    bytes += more.bytes;
    frees += more.frees;
    return *this;
  }
};

/// Counts what the calling thread takes from the heap while this object lives, and adds it to
/// `into` at the end. One at a time. The program's malloc, calloc, realloc and their kin are
/// replaced (heap_ledger.cpp), so that operator new and what libraries take are all counted.
class HeapLedger {
 public:
  explicit HeapLedger(HeapCount& into);
  ~HeapLedger();
  HeapLedger(const HeapLedger&) = delete;
  HeapLedger& operator=(const HeapLedger&) = delete;

  /// From now on the stack of every counted allocation is kept; each costs some microseconds.
  static void keep_stacks();
  static void forget_stacks();
  /// The stacks kept, the most frequent first, at most `most` of them, as text with the innermost
  /// `frames` functions and lines of each; `messages` divides the counts.
  static std::string stacks(std::size_t most, std::size_t frames, double messages);

 private:
  HeapCount& into_;
};

}  // namespace fairlead::bench
