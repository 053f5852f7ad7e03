#include "store/sqlite/backend.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "store/sqlite/backup.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/schema.h"

namespace fairlead::store::sqlite {
namespace {

constexpr int kPageBytes = 4096;
/// From here on the log is copied back between commits, as far as readers let it.
constexpr int kCheckpointPages = (16 << 20) / kPageBytes;
/// From here on readers are waited for, so that the log can begin anew.
constexpr int kTooManyPages = (64 << 20) / kPageBytes;
/// Between two attempts that could not empty the log.
constexpr int kCheckpointStepPages = (4 << 20) / kPageBytes;

/// The hook of Database takes the place of SQLite's own automatic checkpoints. secure_delete would
/// fill every page that becomes free with zeros, through the log.
std::string pragmas(bool is_fully_durable) {
  return std::string("PRAGMA synchronous = ") + (is_fully_durable ? "FULL" : "NORMAL") +
         "; PRAGMA foreign_keys = ON; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY;"
         "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -65536;";
}

Result<void> use_write_ahead_log(Database& database) {
  Statement statement(database, "PRAGMA journal_mode = WAL");
  Rows rows = statement.query();
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (rows.view(0) != "wal") {
    return fail(Code::kInternal, "its file system does not allow a write-ahead log");
  }
  // The switch is a transaction, which ends behind its row, and may fail there.
  if (const Result<bool> ended = rows.next(); !ended) return std::unexpected(ended.error());
  return {};
}

/// Looks before it writes: a file that is not ours stays as it is.
Result<void> prepare(Database& database, bool is_fully_durable, std::int64_t now_ms) {
  const std::vector<Migration> known = sqlite_migrations();
  if (auto states = schema_state(database, known); !states) {
    return std::unexpected(std::move(states.error()));
  }
  if (auto done = use_write_ahead_log(database); !done) return done;
  if (auto done = database.execute(pragmas(is_fully_durable)); !done) return done;
  // Where a sync failed in a former life, the kernel may show what it never wrote, and not write it
  // any more. So what the log holds is written again, and synced, before anything builds on it.
  if (auto done = database.checkpoint(true); !done) return done;
  if (auto done = migrate(database, known, now_ms); !done) {
    return std::unexpected(std::move(done.error()));
  }
  if (auto done = check_integrity(database); !done) return done;
  // Whole or not at all: a row that stood in both tables would be logged twice at the next start.
  if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun) return begun;
  if (auto done = Hub(database).close_open_logs(now_ms); !done) return done;
  return database.execute("COMMIT");
}

}  // namespace

struct Backend::Apply {
  Backend& backend;

  Result<void> operator()(const StoreSamples& write) const {
    return backend.telemetry_.append(*write.block);
  }
  Result<void> operator()(const SaveDevice& write) const {
    return backend.devices_.save(write.device);
  }
  Result<void> operator()(const SavePresence& write) const {
    return backend.devices_.save_presence(write.key, write.session, write.last_seen);
  }
  Result<void> operator()(const RemoveDevice& write) const {
    if (auto done = backend.telemetry_.remove(write.key); !done) return done;
    return backend.devices_.remove(write.key);
  }
  Result<void> operator()(const SaveCommand& write) const {
    return backend.commands_.save(write.command);
  }
  Result<void> operator()(const CreateFleet& write) const {
    return backend.fleets_.create(write.fleet);
  }
  Result<void> operator()(const UpdateFleet& write) const {
    return backend.fleets_.update(write.id, write.progress);
  }
  Result<void> operator()(const ForgetCommands& write) const {
    const Result<bool> commands = backend.commands_.forget(write.before_ms, kMaxForgottenCommands);
    if (!commands) return std::unexpected(commands.error());
    const Result<bool> fleets = backend.fleets_.forget(write.before_ms, kMaxForgottenFleets);
    if (!fleets) return std::unexpected(fleets.error());
    *write.has_more = *commands || *fleets;
    return {};
  }
  Result<void> operator()(const OpenLog& write) const { return backend.hub_.open_log(write.log); }
  Result<void> operator()(const CloseLog& write) const { return backend.hub_.close_log(write.log); }
  Result<void> operator()(const ForgetLogs& write) const {
    const Result<bool> more = backend.hub_.forget_logs(write.before_ms, kMaxForgottenLogs);
    if (!more) return std::unexpected(more.error());
    *write.has_more = *more;
    return {};
  }
  Result<void> operator()(const SaveSubscription& write) const {
    return backend.subscriptions_.save(write.subscription);
  }
  Result<void> operator()(const RemoveSubscription& write) const {
    return backend.subscriptions_.remove(write.tenant, write.subject, write.name);
  }
  Result<void> operator()(const Revoke& write) const {
    return backend.auth_.revoke(write.revocation);
  }
  Result<void> operator()(const ForgetRevocations& write) const {
    return backend.auth_.forget_expired(write.now_ms);
  }
};

struct Backend::Perform {
  Backend& backend;

  Result<void> operator()(const SaveLatest& newest) const {
    return backend.telemetry_.save_latest(newest);
  }
  Result<void> operator()(const RecordSegment& done) const {
    return backend.telemetry_.record(done.segment);
  }
  Result<void> operator()(const RollSegment&) const { return backend.telemetry_.roll(); }
  Result<void> operator()(const ForgetSegments& old) const {
    return backend.telemetry_.forget_segments(old.last);
  }
  Result<void> operator()(const ForgetRemoved& removed) const {
    return backend.telemetry_.forget_removed(removed.device);
  }
};

Backend::Backend(std::unique_ptr<Database> database, std::filesystem::path segments,
                 SegmentLimits limits)
    : database_(std::move(database)),
      segments_(std::move(segments)),
      telemetry_(*database_, segments_, limits),
      devices_(*database_),
      commands_(*database_),
      fleets_(*database_),
      hub_(*database_),
      subscriptions_(*database_),
      auth_(*database_),
      begin_(*database_, "BEGIN IMMEDIATE"),
      commit_(*database_, "COMMIT"),
      rollback_(*database_, "ROLLBACK"),
      probe_(*database_, "UPDATE meta SET value = value + 1 WHERE name = 'probes'"),
      checkpoint_at_pages_(kCheckpointPages) {}

Result<std::unique_ptr<Backend>> Backend::open(const std::filesystem::path& file,
                                               bool is_fully_durable, const Clock& clock,
                                               SegmentLimits limits) {
  const auto explain = [&file](const Error& error) {
    return fail(error.code, "{}: {}", file.string(), error.message);
  };
  if (auto checked = check_header(file); !checked) return explain(checked.error());
  auto database = Database::open(file.string(), Access::kWriter);
  if (!database) return explain(database.error());
  if (auto done = prepare(**database, is_fully_durable, clock.now_ms()); !done) {
    return explain(done.error());
  }
  std::unique_ptr<Backend> backend(
      new Backend(std::move(*database), DataDirectory::segments_in(file.parent_path()), limits));
  if (auto done = unpack_segments(*backend->database_, backend->segments_); !done) {
    return explain(done.error());
  }
  if (auto done = backend->telemetry_.load(); !done) return explain(done.error());
  return backend;
}

Result<void> Backend::apply(std::span<Write> batch) {
  for (const Write& write : batch) {
    if (auto done = std::visit(Apply{*this}, write); !done) return done;
  }
  return telemetry_.flush();
}

template <typename Work>
Result<void> Backend::in_transaction(Work&& work) {
  is_rested_ = false;
  if (auto begun = begin_.run(); !begun) return begun;
  Result<void> done = work();
  if (done) done = commit_.run();
  if (done) {
    telemetry_.committed();
    return {};
  }
  // Some errors (a full disk, say) have rolled back already.
  if (database_->is_in_transaction()) static_cast<void>(rollback_.run());
  telemetry_.rolled_back();
  return done;
}

Result<void> Backend::commit(std::span<Write> batch) {
  return in_transaction([&] { return apply(batch); });
}

Result<void> Backend::perform(const Chore& chore) {
  if (auto done = in_transaction([&] { return std::visit(Perform{*this}, chore); }); !done) {
    return done;
  }
  if (const auto* sealed = std::get_if<RecordSegment>(&chore)) segments_.seal(sealed->segment);
  if (const auto* old = std::get_if<ForgetSegments>(&chore)) segments_.drop_up_to(old->last);
  return {};
}

Result<void> Backend::probe() { return probe_.run(); }

void Backend::maintain() {
  checkpoint();
  drop_retired();
  chores_.serve([this](const Chore& chore) { return perform(chore); });
}

void Backend::checkpoint() {
  const int pages = database_->log_pages();
  if (pages < kCheckpointPages) checkpoint_at_pages_ = kCheckpointPages;
  if (pages < checkpoint_at_pages_) return;
  checkpoint_at_pages_ = pages + kCheckpointStepPages;
  // What cannot be copied now waits in the log, where it is as safe.
  static_cast<void>(database_->checkpoint(pages >= kTooManyPages));
}

/// At most one: a table is some ten thousand pages that become free.
void Backend::drop_retired() {
  const auto segment = segments_.next_retired();
  if (!segment) return;
  // One that cannot be dropped now is dropped later, or at the next start.
  if (in_transaction([&] { return telemetry_.drop_table(*segment); })) {
    segments_.forget_retired(*segment);
  }
}

void Backend::rest() {
  if (std::exchange(is_rested_, true)) return;
  database_->release_memory();
}

}  // namespace fairlead::store::sqlite
