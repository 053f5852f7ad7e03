#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/migrations.h"
#include "store/sqlite/database.h"

namespace fairlead::store::sqlite {

/// How the file's schema stands to `known`. Changes nothing. An error, without the path, for a
/// database of another program or of a newer fairlead.
Result<std::vector<MigrationState>> schema_state(Database& database,
                                                 std::span<const Migration> known);

/// Applies what is missing, each in a transaction of its own; returns how many.
Result<std::size_t> migrate(Database& database, std::span<const Migration> known,
                            std::int64_t now_ms);

/// Looks through the small tables; the samples are too many for that.
Result<void> check_integrity(Database& database);

}  // namespace fairlead::store::sqlite
