#include "store/postgres/hub.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace fairlead::store::postgres {
namespace {

constexpr const char* kOpen =
    "INSERT INTO open_connections (connection, tenant, kind, subject, remote, connected_at) "
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
constexpr const char* kForgetOpen = "DELETE FROM open_connections WHERE connection = $1";
constexpr const char* kClose =
    "INSERT INTO connection_logs (connection, tenant, kind, subject, remote, connected_at, "
    "disconnected_at, code, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
    "ON CONFLICT DO NOTHING";
constexpr const char* kCloseOpen =
    "WITH ended AS (DELETE FROM open_connections RETURNING *) "
    "INSERT INTO connection_logs (connection, tenant, kind, subject, remote, connected_at, "
    "disconnected_at, code, reason) SELECT connection, tenant, kind, subject, remote, "
    "connected_at, $1, 1006, 'hub restarted' FROM ended";

constexpr const char* kForgetLogs =
    "DELETE FROM connection_logs WHERE ctid = ANY (ARRAY(SELECT ctid FROM connection_logs "
    "WHERE disconnected_at < $1 ORDER BY disconnected_at LIMIT $2))";
constexpr const char* kHasLogs =
    "SELECT count(*) FROM (SELECT 1 FROM connection_logs WHERE disconnected_at < $1 LIMIT 1) AS o";

#define FAIRLEAD_LOG_COLUMNS                                                                \
  "SELECT connection, tenant, kind, subject, remote, connected_at, disconnected_at, code, " \
  "reason FROM connection_logs "
#define FAIRLEAD_LOG_RANGE                                                  \
  "AND disconnected_at >= $2 AND (disconnected_at, connection) < ($3, $4) " \
  "ORDER BY disconnected_at DESC, connection DESC LIMIT $5"

constexpr const char* kList = FAIRLEAD_LOG_COLUMNS "WHERE tenant = $1 " FAIRLEAD_LOG_RANGE;
constexpr const char* kListOfDevice = FAIRLEAD_LOG_COLUMNS
    "WHERE tenant = $1 AND subject = $6 AND kind = 'device' " FAIRLEAD_LOG_RANGE;

#undef FAIRLEAD_LOG_COLUMNS
#undef FAIRLEAD_LOG_RANGE

}  // namespace

void open_log(Connection& connection, const hub::ConnectionLog& log) {
  connection.send(kOpen, log.connection, log.tenant, log.kind, log.subject, log.remote,
                  log.connected_at);
}

void close_log(Connection& connection, const hub::ConnectionLog& log) {
  connection.send(kForgetOpen, log.connection);
  connection.send(kClose, log.connection, log.tenant, log.kind, log.subject, log.remote,
                  log.connected_at, log.disconnected_at, log.code, log.reason);
}

void close_open_logs(Connection& connection, std::int64_t now_ms) {
  connection.send(kCloseOpen, now_ms);
}

void forget_logs(Connection& connection, std::int64_t before_ms, std::size_t most) {
  connection.send(kForgetLogs, before_ms, static_cast<std::int64_t>(most));
}

Outcome<bool> has_logs_before(Connection& connection, std::int64_t before_ms) {
  const auto answer = connection.query(kHasLogs, before_ms);
  if (!answer) return std::unexpected(answer.error());
  return answer->integer(0, 0) > 0;
}

Outcome<std::vector<hub::ConnectionLog>> list_logs(Connection& connection,
                                                   const hub::LogQuery& query) {
  constexpr auto kFirst = std::numeric_limits<std::int64_t>::min();
  constexpr auto kLast = std::numeric_limits<std::int64_t>::max();
  const std::int64_t from = query.from.value_or(kFirst);
  // No connection has an empty name, so this stands before all that ended at `to`.
  std::pair end(query.to.value_or(kLast), std::string());
  if (query.before_disconnected_at) {
    end = std::min(end, std::pair(*query.before_disconnected_at, query.before_connection));
  }
  const auto limit = static_cast<std::int64_t>(query.limit);
  const auto answer =
      query.device ? connection.query(kListOfDevice, query.tenant, from, end.first, end.second,
                                      limit, *query.device)
                   : connection.query(kList, query.tenant, from, end.first, end.second, limit);
  if (!answer) return std::unexpected(answer.error());
  std::vector<hub::ConnectionLog> found;
  found.reserve(static_cast<std::size_t>(answer->rows()));
  for (int row = 0; row < answer->rows(); ++row) {
    found.push_back({.connection = answer->text(row, 0),
                     .tenant = answer->text(row, 1),
                     .kind = answer->text(row, 2),
                     .subject = answer->text(row, 3),
                     .remote = answer->text(row, 4),
                     .connected_at = answer->integer(row, 5),
                     .disconnected_at = answer->optional_integer(row, 6),
                     .code = answer->integer(row, 7),
                     .reason = answer->text(row, 8)});
  }
  return found;
}

}  // namespace fairlead::store::postgres
