#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/backend.h"
#include "store/migrations.h"
#include "store/settings.h"

namespace fairlead::store {

/// Keeps a database in order beside its writer and readers, on a thread of its own. Its end stops
/// it.
class Keeper {
 public:
  virtual ~Keeper() = default;
};

/// One kind of database, and how it is opened. Outlives what it opened. Errors are one line, fit
/// for stderr: they name the file or the server, and no password.
class Driver {
 public:
  virtual ~Driver() = default;
  /// Which database and where, for logs.
  virtual std::string describe() const = 0;

  /// Where writes go: the only one, for which the database is held against other hubs as long as
  /// this object lives. Looks at the schema first, and ends the log rows that a former life left
  /// open.
  virtual Result<std::unique_ptr<Backend>> open_backend(const Clock& clock) = 0;
  /// Needs a backend that was opened before.
  virtual Result<std::unique_ptr<Reader>> open_reader() = 0;
  /// Null where there is nothing to keep. `wake` makes the writer's thread call maintain() soon;
  /// the writer ends after the keeper.
  virtual Result<std::unique_ptr<Keeper>> start_keeper(const Clock& /*clock*/,
                                                       const std::function<void()>& /*wake*/) {
    return nullptr;
  }

  // ---- beside a hub or without one
  // ----------------------------------------------------------------
  /// Writes all of it to one file as of one moment; returns its bytes. `progress` hears of bytes
  /// done and of all of them.
  virtual Result<std::uint64_t> back_up(
      const std::filesystem::path& out,
      const std::function<void(std::uint64_t, std::uint64_t)>& progress) = 0;
  /// Reads all of it; returns what is wrong, a line each.
  virtual Result<std::vector<std::string>> check() = 0;

  // ---- while no hub runs ------------------------------------------------------------------------
  /// How the schema stands to this program. Changes nothing.
  virtual Result<std::vector<MigrationState>> migrations() = 0;
  /// Applies what is missing; returns how many.
  virtual Result<std::size_t> migrate(const Clock& clock) = 0;
};

/// The driver that `settings.url` names.
Result<std::unique_ptr<Driver>> make_driver(const Settings& settings);

}  // namespace fairlead::store
