#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands/fleet.h"
#include "store/loaded.h"
#include "store/sqlite/database.h"

namespace fairlead::store::sqlite {

/// The table of fleets through one connection.
class Fleets {
 public:
  explicit Fleets(Database& database);

  Result<void> create(const commands::Fleet& fleet);
  Result<void> update(const std::string& id, const commands::FleetProgress& progress);
  /// Settled ones issued before, at most so many; whether there may be more.
  Result<bool> forget(std::int64_t before_ms, std::size_t most);

  Result<std::optional<commands::Fleet>> find(const std::string& id);
  /// Not settled, by id, with the members that have a command.
  Result<std::vector<LoadedFleet>> unsettled();
  /// Of fleets issued after `issued_after`, newest first, bounded.
  Result<std::vector<IdempotencyKey>> keys(std::int64_t issued_after);

 private:
  Result<void> add_members(LoadedFleet& fleet);

  Database& database_;
  Statement create_;
  Statement update_;
  Statement forget_;
  Statement find_;
  Statement unsettled_;
  Statement members_;
  Statement keys_;
};

}  // namespace fairlead::store::sqlite
