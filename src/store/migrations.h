#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fairlead::store {

/// One numbered step of the schema. Applied once, in a transaction, and never changed afterwards.
struct Migration {
  int version = 0;
  /// Such as `0001_initial`.
  std::string name;
  std::string_view sql;
};

/// Those of SQLite that are built into the program, by version.
std::vector<Migration> sqlite_migrations();
/// The same of PostgreSQL.
std::vector<Migration> postgres_migrations();

/// The SHA-256 of the SQL text in hex: what schema_migrations remembers.
std::string checksum(std::string_view sql);

/// A row of schema_migrations.
struct AppliedMigration {
  int version = 0;
  std::string name;
  std::string checksum;
  std::int64_t applied_at = 0;
};

struct MigrationState {
  int version = 0;
  std::string name;
  /// ms since the Unix epoch; nullopt: still to be applied.
  std::optional<std::int64_t> applied_at;
};

/// What stands where; an error, in one line, when `applied` is not a beginning of `known`: a
/// migration was changed, or a newer program has been here.
Result<std::vector<MigrationState>> compare(std::span<const Migration> known,
                                            std::span<const AppliedMigration> applied);

}  // namespace fairlead::store
