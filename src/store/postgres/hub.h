#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hub/repository.h"
#include "store/postgres/connection.h"

namespace fairlead::store::postgres {

// ---- in a pipeline ------------------------------------------------------------------------------
void open_log(Connection& connection, const hub::ConnectionLog& log);
void close_log(Connection& connection, const hub::ConnectionLog& log);
/// Ends every row that a former life of the hub left open.
void close_open_logs(Connection& connection, std::int64_t now_ms);

/// The oldest that ended before then, at most so many.
void forget_logs(Connection& connection, std::int64_t before_ms, std::size_t most);

// ---- reads --------------------------------------------------------------------------------------
Outcome<bool> has_logs_before(Connection& connection, std::int64_t before_ms);
Outcome<std::vector<hub::ConnectionLog>> list_logs(Connection& connection,
                                                   const hub::LogQuery& query);

}  // namespace fairlead::store::postgres
