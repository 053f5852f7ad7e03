#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "store/backend.h"
#include "store/sqlite/auth.h"
#include "store/sqlite/commands.h"
#include "store/sqlite/database.h"
#include "store/sqlite/devices.h"
#include "store/sqlite/hub.h"
#include "store/sqlite/telemetry.h"

namespace fairlead::store::sqlite {

/// Writes into one file, through the only connection that writes and checkpoints it: SQLite up to
/// 3.51.2 can lose a commit when one connection resets the log while another writes.
class Backend final : public store::Backend {
 public:
  /// Makes the file when there is none, brings its schema up, and ends the log rows that a former
  /// life left open. Errors are one line and name the path; then nothing was overwritten.
  /// Without `is_fully_durable` a power cut may take back the last commits (never a process crash).
  static Result<std::unique_ptr<Backend>> open(const std::filesystem::path& file,
                                               bool is_fully_durable, const Clock& clock);

  Result<void> commit(std::span<Write> batch) override;
  Result<void> probe() override;
  /// Copies the log back into the file when it has grown.
  void maintain() override;

 private:
  struct Apply;

  explicit Backend(std::unique_ptr<Database> database);
  Result<void> apply(std::span<Write> batch);

  // The statements below die before their database.
  std::unique_ptr<Database> database_;
  Telemetry telemetry_;
  Devices devices_;
  Commands commands_;
  Hub hub_;
  Auth auth_;
  Statement begin_;
  Statement commit_;
  Statement rollback_;
  Statement probe_;
  int checkpoint_at_pages_;
};

}  // namespace fairlead::store::sqlite
