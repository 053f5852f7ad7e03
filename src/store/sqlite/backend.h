#pragma once

#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "store/backend.h"
#include "store/settings.h"
#include "store/sqlite/auth.h"
#include "store/sqlite/chores.h"
#include "store/sqlite/commands.h"
#include "store/sqlite/database.h"
#include "store/sqlite/devices.h"
#include "store/sqlite/fleets.h"
#include "store/sqlite/hub.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/subscriptions.h"
#include "store/sqlite/telemetry_log.h"

namespace fairlead::store::sqlite {

/// Writes into one file, through the only connection that writes and checkpoints it: SQLite up to
/// 3.51.2 can lose a commit when one connection resets the log while another writes.
class Backend final : public store::Backend {
 public:
  /// Makes the file when there is none, brings its schema up, and ends the log rows that a former
  /// life left open. Errors are one line and name the path; then nothing was overwritten.
  /// Without `is_fully_durable` a power cut may take back the last commits (never a process crash).
  static Result<std::unique_ptr<Backend>> open(const std::filesystem::path& file,
                                               bool is_fully_durable, const Clock& clock,
                                               SegmentLimits limits = {});

  Result<void> commit(std::span<Write> batch) override;
  Result<void> probe() override;
  /// Copies the log back into the file when it has grown, drops the tables of sealed segments, and
  /// does what the sealing thread has for it.
  void maintain() override;
  /// Gives back the page cache.
  void rest() override;

  const Segments& segments() const { return segments_; }
  /// Where the sealing thread leaves its chores. Any thread.
  ChoreDesk& chores() { return chores_; }
  /// One transaction of its own, between two commits.
  Result<void> perform(const Chore& chore);

 private:
  struct Apply;
  struct Perform;

  Backend(std::unique_ptr<Database> database, std::filesystem::path segments, SegmentLimits limits);
  Result<void> apply(std::span<Write> batch);
  template <typename Work>
  Result<void> in_transaction(Work&& work);
  void drop_retired();
  void checkpoint();

  // The statements below die before their database.
  std::unique_ptr<Database> database_;
  Segments segments_;
  ChoreDesk chores_;
  TelemetryLog telemetry_;
  Devices devices_;
  Commands commands_;
  Fleets fleets_;
  Hub hub_;
  Subscriptions subscriptions_;
  Auth auth_;
  Statement begin_;
  Statement commit_;
  Statement rollback_;
  Statement probe_;
  int checkpoint_at_pages_;
  bool is_rested_ = false;
};

}  // namespace fairlead::store::sqlite
