#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/completion.h"
#include "base/fifo.h"

namespace fairlead::store {

/// Counts the failures of a shard's writes: writes of one generation are stored in order until one
/// fails, and none after it.
using Generation = std::uint64_t;

/// The completions of one shard's writes that are on their way, in the order of the writes. The
/// writer knows only how many there are. Thread: the shard's.
class Outstanding {
 public:
  /// Belongs to every write put from now on.
  Generation generation() const { return generation_; }
  std::size_t size() const { return waiting_.size(); }

  void add(Completion<void> done) { waiting_.push(std::move(done)); }

  /// The next `count` are stored: runs their completions.
  void succeed(std::size_t count);
  /// Nothing that waits was or will be stored: begins the next generation, then fails all that
  /// waited, in order. What their completions put belongs to the new generation.
  void fail(Generation failed, const std::string& why);
  /// Drops all completions, also those of a run that is under way.
  void close();

 private:
  Generation generation_ = 0;
  Fifo<Completion<void>> waiting_;
  bool is_closed_ = false;
};

}  // namespace fairlead::store
