#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "store/sqlite/segments.h"

namespace fairlead::store::sqlite {

// What the sealing thread needs written to the main database, which only the writer's thread
// writes to. Each is one small transaction between two commits.

/// The newest values of devices, at least up to the end of a segment that is about to be recorded.
struct SaveLatest {
  std::vector<std::pair<protocol::DeviceKey, std::string>> checkpoints;
};
/// The file is there and safe: it stands for the open table from now on.
struct RecordSegment {
  SealedSegment segment;
};
/// The segment that is written to is old: begin another.
struct RollSegment {};
/// Segments up to `last` are too old, or too many: they are gone from now on.
struct ForgetSegments {
  std::int64_t last = 0;
};
/// A removed device's rows are gone from every sealed segment.
struct ForgetRemoved {
  protocol::DeviceKey device = 0;
};

using Chore = std::variant<SaveLatest, RecordSegment, RollSegment, ForgetSegments, ForgetRemoved>;

/// Where one chore at a time is handed over.
class ChoreDesk {
 public:
  /// The sealing thread: waits until the writer's has done it. `wake` makes that one serve soon.
  Result<void> hand_over(Chore chore, const std::function<void()>& wake);
  /// The writer's thread: does what waits, if anything does.
  void serve(const std::function<Result<void>(const Chore&)>& perform);
  /// Nothing is served any more; who waits gets an error.
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Chore> waiting_;
  std::optional<Result<void>> done_;
  bool is_closed_ = false;
};

}  // namespace fairlead::store::sqlite
