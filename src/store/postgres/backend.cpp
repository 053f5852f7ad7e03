#include "store/postgres/backend.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/id.h"
#include "store/postgres/auth.h"
#include "store/postgres/commands.h"
#include "store/postgres/devices.h"
#include "store/postgres/fleets.h"
#include "store/postgres/hub.h"
#include "store/postgres/schema.h"
#include "store/postgres/subscriptions.h"

namespace fairlead::store::postgres {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1000};
constexpr milliseconds kBetweenLooks{500};

constexpr const char* kCopy =
    "BEGIN; COPY telemetry_data (device, \"offset\", ts, at, seq, metrics) "
    "FROM STDIN (FORMAT binary)";
constexpr const char* kBegin = "BEGIN";
constexpr const char* kCommit = "COMMIT";
constexpr const char* kRecord = "SELECT record_batch($1, $2)";
constexpr const char* kForgetWriters = "DELETE FROM writers";
constexpr const char* kEnterWriter = "INSERT INTO writers (hub, batch) VALUES ($1, 0)";
constexpr const char* kProbe = "UPDATE meta SET value = value + 1 WHERE name = 'probes'";

std::string new_hub_name(const Clock& clock) {
  SystemRandom random;
  return make_id('h', clock.now_ms(), random);
}

}  // namespace

/// Puts one write into the pipeline. Samples have gone ahead by COPY.
struct Backend::Send {
  Connection& connection;

  void operator()(const StoreSamples&) const {}
  void operator()(const SaveDevice& write) const { save_device(connection, write.device); }
  void operator()(const SavePresence& write) const {
    save_presence(connection, write.key, write.session, write.last_seen);
  }
  void operator()(const RemoveDevice& write) const { remove_device(connection, write.key); }
  void operator()(const SaveCommand& write) const { save_command(connection, write.command); }
  void operator()(const CreateFleet& write) const { create_fleet(connection, write.fleet); }
  void operator()(const UpdateFleet& write) const {
    update_fleet(connection, write.id, write.progress);
  }
  void operator()(const ForgetCommands& write) const {
    forget_commands(connection, write.before_ms, kMaxForgottenCommands);
    forget_fleets(connection, write.before_ms, kMaxForgottenFleets);
  }
  void operator()(const OpenLog& write) const { open_log(connection, write.log); }
  void operator()(const CloseLog& write) const { close_log(connection, write.log); }
  void operator()(const ForgetLogs& write) const {
    forget_logs(connection, write.before_ms, kMaxForgottenLogs);
  }
  void operator()(const SaveSubscription& write) const {
    save_subscription(connection, write.subscription);
  }
  void operator()(const RemoveSubscription& write) const {
    remove_subscription(connection, write.tenant, write.subject, write.name);
  }
  void operator()(const Revoke& write) const { revoke(connection, write.revocation); }
  void operator()(const ForgetRevocations& write) const {
    forget_expired(connection, write.now_ms);
  }
};

Backend::Backend(const Options& options, const Clock& clock, std::string hub)
    : options_(options), clock_(clock), session_(options, std::move(hub)) {}

// ---- the beginning ------------------------------------------------------------------------------

Result<std::unique_ptr<Backend>> Backend::open(const Options& options, const Clock& clock) {
  std::unique_ptr<Backend> backend(new Backend(options, clock, new_hub_name(clock)));
  if (auto begun = backend->begin_life(); !begun) return std::unexpected(std::move(begun.error()));
  return backend;
}

Result<void> Backend::begin_life() {
  const auto connection = session_.wait_for(options_.lock_patience);
  if (!connection) return to_error(connection.error());
  if (auto looked = look_at_schema(**connection); !looked) return looked;
  // Whoever was here before is fenced off from now on: its batches find no row to count in.
  Outcome<void> done = (*connection)->begin_pipeline();
  if (done) {
    (*connection)->send(kBegin);
    (*connection)->send(kForgetWriters);
    (*connection)->send(kEnterWriter, session_.hub());
    close_open_logs(**connection, clock_.now_ms());
    (*connection)->send(kCommit);
    done = (*connection)->finish_pipeline();
  }
  if (done) done = partitions_.make_ahead(**connection, clock_.now_ms());
  if (!done) return to_error(done.error());
  is_checked_ = true;
  return {};
}

Result<void> Backend::look_at_schema(Connection& connection) {
  const std::vector<Migration> known = postgres_migrations();
  if (options_.auto_migrate) {
    auto applied = migrate(connection, known, clock_.now_ms());
    if (!applied) return std::unexpected(std::move(applied.error()));
    return {};
  }
  const auto states = schema_state(connection, known);
  if (!states) return std::unexpected(states.error());
  const auto missing =
      std::ranges::count_if(*states, [](const auto& state) { return !state.applied_at; });
  if (missing == 0) return {};
  return fail(Code::kInternal,
              "its schema lacks {} of {} migrations: run `fairlead migrate up` with this "
              "configuration, or set store.auto_migrate = true",
              missing, states->size());
}

// ---- commits ------------------------------------------------------------------------------------

Result<void> Backend::commit(std::span<Write> batch) {
  Result<void> done = gather(batch);
  if (done) done = commit_gathered(batch);
  samples_.clear();
  return done;
}

Result<void> Backend::commit_gathered(std::span<Write> batch) {
  Attempt attempt{.give_up = Steady::now() + options_.patience};
  for (auto length = kFirstPause;; length = std::min(2 * length, kLongestPause)) {
    // One that had been idle may have been lost long ago: that alone is no reason to give up.
    const bool was_open = session_.is_open();
    const Outcome<void> done = try_commit(batch, attempt);
    if (done) {
      ++batch_;
      set_trouble(std::nullopt);
      tell_what_is_left(batch);
      return {};
    }
    if (!done.error().is_lost) return to_error(done.error());
    session_.drop();
    attempt.last_problem = done.error().message;
    set_trouble("PostgreSQL: " + done.error().message);
    if (was_open) continue;
    const bool may_give_up = !attempt.is_unknown && Steady::now() >= attempt.give_up;
    if (may_give_up || !pause(length)) return to_error(done.error());
  }
}

/// Who has rows forgotten comes back for the rest. What cannot be asked now is asked the next time.
void Backend::tell_what_is_left(std::span<Write> batch) {
  const auto ask = [this](const auto& has_more, std::int64_t before_ms) {
    const auto connection = session_.get();
    return connection && has_more(**connection, before_ms).value_or(false);
  };
  for (const Write& write : batch) {
    if (const auto* const logs = std::get_if<ForgetLogs>(&write)) {
      *logs->has_more = ask(has_logs_before, logs->before_ms);
    } else if (const auto* const old = std::get_if<ForgetCommands>(&write)) {
      *old->has_more =
          ask(has_commands_before, old->before_ms) || ask(has_fleets_before, old->before_ms);
    }
  }
}

/// Makes the telemetry ready; deletions are looked at so that nothing is told of what is gone.
Result<void> Backend::gather(std::span<Write> batch) {
  for (const Write& write : batch) {
    if (const auto* const samples = std::get_if<StoreSamples>(&write)) {
      if (auto added = samples_.add(*samples->block); !added) return added;
    } else if (const auto* const removed = std::get_if<RemoveDevice>(&write)) {
      samples_.forget(removed->key);
    }
  }
  return {};
}

Outcome<void> Backend::try_commit(std::span<Write> batch, Attempt& attempt) {
  const auto connection = connected();
  if (!connection) return std::unexpected(connection.error());
  const auto stored = is_stored(**connection, attempt);
  if (!stored) return std::unexpected(stored.error());
  if (*stored) return {};
  if (attempt.was_unknown && Steady::now() >= attempt.give_up) {
    return std::unexpected(Problem{.message = attempt.last_problem});
  }
  if (auto made = partitions_.make(**connection, samples_.days()); !made) return made;
  return transact(**connection, batch, attempt);
}

/// An open session; a new one has not been compared with what this hub believes.
Outcome<Connection*> Backend::connected() {
  if (!session_.is_open()) is_checked_ = false;
  return session_.get();
}

/// Whether the batch under way is in already. A session is asked once.
Outcome<bool> Backend::is_stored(Connection& connection, Attempt& attempt) {
  if (is_checked_) return false;
  const auto recorded = WritingSession::recorded(connection, session_.hub());
  if (!recorded) return std::unexpected(recorded.error());
  if (!*recorded) {
    return std::unexpected(
        Problem{.sqlstate = "FL001", .message = "another fairlead has taken this database over"});
  }
  const bool is_stored = attempt.is_unknown && **recorded == batch_ + 1;
  if (!is_stored && **recorded != batch_) {
    return std::unexpected(
        Problem{.sqlstate = "FL003",
                .message = fmt::format("it knows batch {} of this hub, which is at {}: it was set "
                                       "back; restart the hub",
                                       **recorded, batch_)});
  }
  is_checked_ = true;
  attempt.was_unknown = std::exchange(attempt.is_unknown, false);
  return is_stored;
}

Outcome<void> Backend::transact(Connection& connection, std::span<Write> batch, Attempt& attempt) {
  const bool has_samples = !samples_.is_empty();
  if (has_samples) {
    if (auto copied = connection.copy(kCopy, samples_.copy_data()); !copied) {
      if (copied.error().is_lost) return copied;
      if (auto undone = connection.execute("ROLLBACK"); !undone) session_.drop();
      return copied;
    }
  }
  if (auto begun = connection.begin_pipeline(); !begun) return begun;
  if (!has_samples) connection.send(kBegin);
  connection.send(kRecord, session_.hub(), batch_ + 1);
  for (const Write& write : batch) std::visit(Send{connection}, write);
  samples_.send_ends(connection);
  connection.send(kCommit);
  attempt.is_unknown = connection.has_sent_all();
  auto done = connection.finish_pipeline();
  // An answer, even a refusal, tells what became of it.
  if (done || !done.error().is_lost) attempt.is_unknown = false;
  return done;
}

// ---- between commits ----------------------------------------------------------------------------

Result<void> Backend::probe() {
  const auto connection = connected();
  if (!connection) return to_error(connection.error());
  Attempt none{};
  Outcome<bool> looked = is_stored(**connection, none);
  if (looked) {
    const auto written = (*connection)->query(kProbe);
    if (!written) looked = std::unexpected(written.error());
  }
  if (looked) {
    set_trouble(std::nullopt);
    return {};
  }
  if (looked.error().is_lost) session_.drop();
  set_trouble("PostgreSQL: " + looked.error().message);
  return to_error(looked.error());
}

void Backend::maintain() {
  const auto now = Steady::now();
  if (now < next_look_ || !session_.is_open()) return;
  next_look_ = now + kBetweenLooks;
  // session_ is open, so this opens nothing.
  Connection& connection = **session_.get();
  if (!connection.is_alive()) {
    session_.drop();
    set_trouble("PostgreSQL: the connection was lost");
    return;
  }
  // One that fails is made before the commit that needs it, and reported there.
  static_cast<void>(partitions_.make_ahead(connection, clock_.now_ms()));
}

std::optional<std::string> Backend::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void Backend::set_trouble(std::optional<std::string> why) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(why);
}

void Backend::stop_waiting() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stopping_.notify_all();
}

/// False when there is to be no more waiting.
bool Backend::pause(Steady::duration length) {
  std::unique_lock lock(mutex_);
  return !stopping_.wait_for(lock, length, [this] { return is_stopping_; });
}

}  // namespace fairlead::store::postgres
