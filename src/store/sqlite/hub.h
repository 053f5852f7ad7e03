#pragma once

#include <cstdint>
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

  Result<std::vector<hub::ConnectionLog>> list_logs(const hub::LogQuery& query);

 private:
  Statement open_;
  Statement forget_open_;
  Statement close_;
  Statement close_open_;
  Statement forget_all_open_;
  Statement list_;
  Statement list_of_device_;
};

}  // namespace fairlead::store::sqlite
