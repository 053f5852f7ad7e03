#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "store/backend.h"
#include "store/memory/state.h"

namespace fairlead::store::memory {

/// The twin of a database, with the same constraints; "durable" means: as long as this object. A
/// simulation keeps it through crashes of the hub and makes it fail when it likes. Not thread-safe.
class Backend final : public store::Backend {
 public:
  Result<void> commit(std::span<Write> batch) override;
  Result<void> probe() override;

  /// The next `commits` commits fail, each after it has done half of its writes.
  void fail_next(std::size_t commits) { failures_ = commits; }
  /// Until mended every commit and every probe fails.
  void set_broken(bool is_broken) { is_broken_ = is_broken; }
  /// What a database does when it is opened: ends the log rows that a former life left open.
  void close_open_logs(std::int64_t now_ms);

  const State& state() const { return state_; }
  std::size_t commits() const { return commits_; }

 private:
  struct Apply;
  using Undo = std::move_only_function<void(State&)>;

  State state_;
  std::size_t commits_ = 0;
  std::size_t failures_ = 0;
  bool is_broken_ = false;
};

}  // namespace fairlead::store::memory
