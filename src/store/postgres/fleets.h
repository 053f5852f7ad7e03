#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands/fleet.h"
#include "store/loaded.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

// ---- in a pipeline ------------------------------------------------------------------------------
void create_fleet(Connection& connection, const commands::Fleet& fleet);
void update_fleet(Connection& connection, const std::string& id,
                  const commands::FleetProgress& progress);
/// Settled ones issued before, at most so many.
void forget_fleets(Connection& connection, std::int64_t before_ms, std::size_t most);

// ---- reads --------------------------------------------------------------------------------------
Outcome<std::optional<commands::Fleet>> find_fleet(Connection& connection, const std::string& id);
/// Whether there are settled ones issued before.
Outcome<bool> has_fleets_before(Connection& connection, std::int64_t before_ms);
/// Not settled, by id, with the members that have a command.
Outcome<std::vector<LoadedFleet>> load_unsettled(Connection& connection);
/// Of fleets issued after `issued_after`, newest first, bounded.
Outcome<std::vector<IdempotencyKey>> load_fleet_keys(Connection& connection,
                                                     std::int64_t issued_after);

}  // namespace fairlead::store::postgres
