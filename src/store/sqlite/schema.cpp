#include "store/sqlite/schema.h"

#include <array>
#include <string>
#include <utility>

namespace fairlead::store::sqlite {
namespace {

constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, "
    "name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT";

/// `sql` gives one integer.
Result<std::int64_t> ask_integer(Database& database, const char* sql) {
  Statement statement(database, sql);
  Rows rows = statement.query();
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  return *found ? rows.integer(0) : 0;
}

Result<std::vector<AppliedMigration>> applied_migrations(Database& database) {
  const auto tables = ask_integer(database, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return std::unexpected(tables.error());
  if (*tables == 0) return {};
  const auto ours =
      ask_integer(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'");
  if (!ours) return std::unexpected(ours.error());
  if (*ours == 0) return fail(Code::kInternal, "it is the database of another program");

  std::vector<AppliedMigration> applied;
  Statement statement(
      database,
      "SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version");
  Rows rows = statement.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    applied.push_back({.version = static_cast<int>(rows.integer(0)),
                       .name = rows.text(1),
                       .checksum = rows.text(2),
                       .applied_at = rows.integer(3)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return applied;
}

Result<void> apply(Database& database, const Migration& migration, std::int64_t now_ms) {
  if (auto done = database.execute(std::string(migration.sql)); !done) return done;
  Statement record(database,
                   "INSERT INTO schema_migrations (version, name, checksum, applied_at) "
                   "VALUES (?1, ?2, ?3, ?4)");
  return record.run(std::int64_t{migration.version}, migration.name, checksum(migration.sql),
                    now_ms);
}

/// All or nothing.
Result<void> in_transaction(Database& database, const Migration& migration, std::int64_t now_ms) {
  if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun) return begun;
  Result<void> done = database.execute(kCreate);
  if (done) done = apply(database, migration, now_ms);
  if (done) done = database.execute("COMMIT");
  if (done) return {};
  if (database.is_in_transaction()) static_cast<void>(database.execute("ROLLBACK"));
  return fail(Code::kInternal, "migration {}: {}", migration.name, done.error().message);
}

}  // namespace

Result<std::vector<MigrationState>> schema_state(Database& database,
                                                 std::span<const Migration> known) {
  const auto applied = applied_migrations(database);
  if (!applied) return std::unexpected(applied.error());
  return compare(known, *applied);
}

Result<std::size_t> migrate(Database& database, std::span<const Migration> known,
                            std::int64_t now_ms) {
  const auto states = schema_state(database, known);
  if (!states) return std::unexpected(states.error());
  std::size_t count = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if ((*states)[i].applied_at) continue;
    if (auto done = in_transaction(database, known[i], now_ms); !done) {
      return std::unexpected(std::move(done.error()));
    }
    ++count;
  }
  return count;
}

Result<void> check_integrity(Database& database) {
  static constexpr std::array<const char*, 5> kChecks = {
      "PRAGMA quick_check(schema_migrations)", "PRAGMA quick_check(meta)",
      "PRAGMA quick_check(devices)", "PRAGMA quick_check(telemetry_progress)",
      "PRAGMA quick_check(revoked_tokens)"};
  for (const char* sql : kChecks) {
    Statement statement(database, sql);
    Rows rows = statement.query();
    const Result<bool> found = rows.next();
    if (!found) return std::unexpected(found.error());
    if (*found && rows.view(0) != "ok") {
      return fail(Code::kInternal, "it is damaged: {}", rows.view(0));
    }
  }
  return {};
}

}  // namespace fairlead::store::sqlite
