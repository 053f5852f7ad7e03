#include "store/postgres/schema.h"

#include <string>
#include <utility>

namespace fairlead::store::postgres {
namespace {

/// "migrate!" as a number: whoever holds it migrates.
constexpr std::int64_t kLock = 0x6d69'6772'6174'6521;
constexpr const char* kTakeLock = "SELECT pg_advisory_lock($1)";
constexpr const char* kGiveLock = "SELECT pg_advisory_unlock($1)";

constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, "
    "name text NOT NULL, checksum text NOT NULL, applied_at bigint NOT NULL)";
constexpr const char* kIsThere = "SELECT to_regclass('schema_migrations') IS NOT NULL";
constexpr const char* kIsOurs =
    "SELECT count(*) = 4 FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations') "
    "AND attname IN ('version', 'name', 'checksum', 'applied_at')";
constexpr const char* kApplied =
    "SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version";
constexpr const char* kRecord =
    "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";

/// `sql` gives one value.
Outcome<bool> ask(Connection& connection, const char* sql) {
  const auto answer = connection.query(sql);
  if (!answer) return std::unexpected(answer.error());
  return answer->integer(0, 0) != 0;
}

Result<std::vector<AppliedMigration>> applied_migrations(Connection& connection) {
  const auto is_there = ask(connection, kIsThere);
  if (!is_there) return to_error(is_there.error());
  if (!*is_there) return {};
  const auto is_ours = ask(connection, kIsOurs);
  if (!is_ours) return to_error(is_ours.error());
  if (!*is_ours) {
    return fail(Code::kInternal, "its schema_migrations is that of another program");
  }
  const auto answer = connection.query(kApplied);
  if (!answer) return to_error(answer.error());
  std::vector<AppliedMigration> applied;
  applied.reserve(static_cast<std::size_t>(answer->rows()));
  for (int row = 0; row < answer->rows(); ++row) {
    applied.push_back({.version = static_cast<int>(answer->integer(row, 0)),
                       .name = answer->text(row, 1),
                       .checksum = answer->text(row, 2),
                       .applied_at = answer->integer(row, 3)});
  }
  return applied;
}

Outcome<void> apply(Connection& connection, const Migration& migration, std::int64_t now_ms) {
  if (auto done = connection.execute("BEGIN"); !done) return done;
  if (auto done = connection.execute(kCreate); !done) return done;
  if (auto done = connection.execute(std::string(migration.sql)); !done) return done;
  const auto recorded = connection.query(kRecord, std::int64_t{migration.version}, migration.name,
                                         checksum(migration.sql), now_ms);
  if (!recorded) return std::unexpected(recorded.error());
  return connection.execute("COMMIT");
}

Result<std::size_t> apply_missing(Connection& connection, std::span<const Migration> known,
                                  std::int64_t now_ms) {
  const auto states = schema_state(connection, known);
  if (!states) return std::unexpected(states.error());
  std::size_t count = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if ((*states)[i].applied_at) continue;
    if (auto done = apply(connection, known[i], now_ms); !done) {
      static_cast<void>(connection.execute("ROLLBACK"));
      return fail(Code::kInternal, "migration {}: {}", known[i].name, done.error().message);
    }
    ++count;
  }
  return count;
}

}  // namespace

Result<std::vector<MigrationState>> schema_state(Connection& connection,
                                                 std::span<const Migration> known) {
  const auto applied = applied_migrations(connection);
  if (!applied) return std::unexpected(applied.error());
  return compare(known, *applied);
}

Result<std::size_t> migrate(Connection& connection, std::span<const Migration> known,
                            std::int64_t now_ms) {
  if (auto taken = connection.query(kTakeLock, kLock); !taken) return to_error(taken.error());
  auto applied = apply_missing(connection, known, now_ms);
  // A session that is lost has given it already.
  static_cast<void>(connection.query(kGiveLock, kLock));
  return applied;
}

}  // namespace fairlead::store::postgres
