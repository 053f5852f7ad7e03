#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/allocations/heap_ledger.h"
#include "bench/allocations/rig.h"
#include "net/senders.h"
#include "store/backend.h"

namespace fairlead::bench {

/// So many rounds of: every device sends `window` messages, everybody gets what is due.
struct Load {
  std::string key;
  std::string title;
  std::size_t devices = 1;
  int window = 1;
  std::size_t subscribers = 0;
};

std::vector<Load> all_loads();

/// How a load is measured.
struct Conditions {
  std::size_t shards = 1;
  int rounds = 300;
  net::Io io = net::Io::kEpoll;
  /// Of the most frequent stacks, so many with so many functions each; 0: none is kept.
  std::size_t stacks = 0;
  std::size_t frames = 8;
};

struct Figures {
  double messages = 0;
  double deliveries = 0;
  HeapCount of_messages;
  HeapCount of_timers;
  std::string stacks;
};

/// A commit that costs nothing: what is left is the hub's own.
class NoBackend final : public store::Backend {
 public:
  Result<void> commit(std::span<store::Write>) override { return {}; }
  Result<void> probe() override { return {}; }
};

/// One load on a rig of its own, behind a warm-up.
Result<Figures> measure(const Load& load, const Conditions& conditions, store::Backend& backend);

}  // namespace fairlead::bench
