#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/loaded.h"
#include "store/migrations.h"
#include "store/readers.h"
#include "store/shard_store.h"
#include "store/sqlite/backend.h"
#include "store/sqlite/data_directory.h"
#include "store/writer.h"
#include "store/writer_thread.h"

namespace fairlead::store {

struct Settings {
  std::filesystem::path data_dir;
  /// False (`store.durability = normal`): a power cut may take back the last commits.
  bool full_durability = true;
  WriterLimits writer{};
  std::size_t reader_threads = 2;
  /// Queries that may wait; beyond, kOverloaded.
  std::size_t max_queries = 4096;
};

/// The store of a hub: one writing thread, some reading ones, files in a directory of its own.
/// Order of use: open, load, attach (once a shard), start, …, stop.
class Store {
 public:
  /// Errors are one line, fit for stderr.
  static Result<std::unique_ptr<Store>> open(const Settings& settings, const Clock& clock);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

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

  // ---- for `fairlead migrate`, while no hub runs ------------------------------------------------
  static Result<std::vector<MigrationState>> migrations(const std::filesystem::path& data_dir);
  /// Applies what is missing; returns how many.
  static Result<std::size_t> migrate(const std::filesystem::path& data_dir, const Clock& clock);

 private:
  Store(const Settings& settings, const Clock& clock, sqlite::DataDirectory directory,
        std::unique_ptr<sqlite::Backend> backend);

  const Settings settings_;
  const Clock& clock_;
  const sqlite::DataDirectory directory_;
  // Destroyed from below: threads, queues, the writing connection (the last one empties the log).
  const std::unique_ptr<sqlite::Backend> backend_;
  ReadQueue reads_;
  Writer writer_;
  std::unique_ptr<Readers> readers_;
  std::unique_ptr<WriterThread> thread_;
};

}  // namespace fairlead::store
