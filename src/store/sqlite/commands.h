#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands/repository.h"
#include "store/loaded.h"
#include "store/sqlite/database.h"

namespace fairlead::store::sqlite {

/// device_commands through one connection.
class Commands {
 public:
  explicit Commands(Database& database);

  Result<void> save(const commands::Command& command);
  /// Finished ones issued before, at most so many; whether there may be more.
  Result<bool> forget(std::int64_t before_ms, std::size_t most);

  Result<std::optional<commands::Command>> find(const std::string& id);
  Result<std::vector<commands::Command>> list(const commands::ListQuery& query);
  /// Not final; by (issued_at, id).
  Result<std::vector<commands::Command>> unfinished();
  /// Of commands issued after `issued_after`, newest first, bounded.
  Result<std::vector<IdempotencyKey>> keys(std::int64_t issued_after);

 private:
  Database& database_;
  Statement save_;
  Statement forget_;
  Statement find_;
  Statement list_;
  Statement unfinished_;
  Statement keys_;
};

/// What `statement` selects: tenant, issued_by, key, id and issued_at of what was issued after
/// `issued_after` (?1), at most ?2.
Result<std::vector<IdempotencyKey>> keys_of(Statement& statement, std::int64_t issued_after);

}  // namespace fairlead::store::sqlite
