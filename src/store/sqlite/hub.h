#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hub/repository.h"
#include "store/sqlite/database.h"

namespace fairlead::store::sqlite {

/// open_connections and connection_logs through one connection.
class Hub {
 public:
  explicit Hub(Database& database);

  Result<void> open_log(const hub::ConnectionLog& log);
  Result<void> close_log(const hub::ConnectionLog& log);
  /// Ends every row that a former life of the hub left open. To be called in a transaction.
  Result<void> close_open_logs(std::int64_t now_ms);

  /// Drops at most `most` rows that ended before `before_ms`; returns whether there may be more.
  /// Goes on where it stopped, tenant by tenant: to be called until it says that there are none.
  Result<bool> forget_logs(std::int64_t before_ms, std::size_t most);

  Result<std::vector<hub::ConnectionLog>> list_logs(const hub::LogQuery& query);

 private:
  Database& database_;
  /// Whose rows forget_logs() looked through last; empty: it begins anew.
  std::string forgotten_tenant_;
  Statement open_;
  Statement forget_open_;
  Statement close_;
  Statement close_open_;
  Statement forget_all_open_;
  Statement next_tenant_;
  Statement forget_;
  Statement list_;
  Statement list_of_device_;
};

}  // namespace fairlead::store::sqlite
