#pragma once

#include <memory>

#include "base/clock.h"
#include "store/memory/backend.h"
#include "store/memory/reader.h"
#include "store/shard_store.h"

namespace fairlead::store::memory {

/// The store of a simulation: what Store is, without threads and without a disk. Everything runs
/// when it is stepped. `backend` is the disk: it outlives this object and every crash.
class SimulatedStore {
 public:
  SimulatedStore(Backend& backend, const Clock& clock, WriterLimits limits = {});

  Result<Loaded> load() { return reader_.load(clock_.now_ms()); }
  std::unique_ptr<ShardStore> attach(Post post) {
    return std::make_unique<ShardStore>(writer_, reads_, std::move(post));
  }

  /// One transaction; false when nothing waited.
  bool step_writer() { return writer_.step(); }
  /// One query; false when none waited.
  bool step_reader() { return reads_.step(reader_); }
  /// What the writer's thread does now and then while the store is not well.
  void probe() { writer_.probe(); }

  /// The process dies and the machine lives: what was not committed is gone, shards attached so far
  /// hear nothing any more. Then attach and load anew.
  void crash();

  bool is_congested() const { return writer_.is_congested(); }
  std::optional<std::string> health() const { return writer_.health(); }
  Stats stats() const;

 private:
  Backend& backend_;
  const Clock& clock_;
  Reader reader_;
  ReadQueue reads_;
  Writer writer_;
};

}  // namespace fairlead::store::memory
