#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "store/migrations.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

/// How the database's schema stands to `known`. Changes nothing. An error for the tables of another
/// program or of a newer fairlead.
Result<std::vector<MigrationState>> schema_state(Connection& connection,
                                                 std::span<const Migration> known);

/// Applies what is missing, each in a transaction of its own; returns how many. Of several that do
/// so at once one works and the others wait for it.
Result<std::size_t> migrate(Connection& connection, std::span<const Migration> known,
                            std::int64_t now_ms);

}  // namespace fairlead::store::postgres
