#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/repository.h"
#include "store/loaded.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

// ---- in a pipeline ------------------------------------------------------------------------------
void save_command(Connection& connection, const commands::Command& command);
/// Finished ones issued before, at most so many.
void forget_commands(Connection& connection, std::int64_t before_ms, std::size_t most);

// ---- reads --------------------------------------------------------------------------------------
Outcome<std::optional<commands::Command>> find_command(Connection& connection,
                                                       const std::string& id);
Outcome<std::vector<commands::Command>> list_commands(Connection& connection,
                                                      const commands::ListQuery& query);
/// Whether there are finished ones issued before.
Outcome<bool> has_commands_before(Connection& connection, std::int64_t before_ms);
/// Not final; by (issued_at, id).
Outcome<std::vector<commands::Command>> load_unfinished(Connection& connection);
/// Of commands issued after `issued_after`, newest first, bounded.
Outcome<std::vector<IdempotencyKey>> load_keys(Connection& connection, std::int64_t issued_after);

/// What `sql` (as of Connection::query) selects: tenant, issued_by, key, id and issued_at of what
/// was issued after `issued_after` ($1), at most $2.
Outcome<std::vector<IdempotencyKey>> keys_of(Connection& connection, std::string_view sql,
                                             std::int64_t issued_after);

}  // namespace fairlead::store::postgres
