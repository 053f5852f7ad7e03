#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/driver.h"
#include "store/loaded.h"
#include "store/readers.h"
#include "store/settings.h"
#include "store/shard_store.h"
#include "store/writer.h"
#include "store/writer_thread.h"

namespace fairlead::store {

/// The store of a hub: one writing thread, some reading ones, a database that no other hub uses.
/// Order of use: open, load, attach (once a shard), start, …, stop.
class Store {
 public:
  /// Errors are one line, fit for stderr.
  static Result<std::unique_ptr<Store>> open(const Settings& settings, const Clock& clock);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Which database and where, for logs.
  std::string describe() const { return driver_->describe(); }
  /// What a starting hub needs in memory.
  Result<Loaded> load();
  /// The repositories of one shard; `post` takes letters to its thread. Any thread.
  std::unique_ptr<ShardStore> attach(Post post);

  /// Starts the threads. What was put before waits until now.
  Result<void> start();
  /// Commits what is queued and posts its completions, then ends the threads. Nobody puts any more;
  /// shards may still run the letters. Calling it again does nothing.
  void stop();

  // ---- any thread -------------------------------------------------------------------------------
  bool is_congested() const { return writer_.is_congested(); }
  /// What keeps the store from writing; nothing when it is well.
  std::optional<std::string> health() const { return writer_.health(); }
  Stats stats() const;

 private:
  Store(const Settings& settings, const Clock& clock, std::unique_ptr<Driver> driver,
        std::unique_ptr<Backend> backend);

  const Settings settings_;
  const Clock& clock_;
  // Destroyed from below: threads, queues, the writing connection (SQLite's last one empties its
  // log), what holds the database.
  const std::unique_ptr<Driver> driver_;
  const std::unique_ptr<Backend> backend_;
  ReadQueue reads_;
  Writer writer_;
  std::unique_ptr<Readers> readers_;
  std::unique_ptr<WriterThread> thread_;
  std::unique_ptr<Keeper> keeper_;
};

}  // namespace fairlead::store
