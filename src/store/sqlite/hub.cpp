#include "store/sqlite/hub.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace fairlead::store::sqlite {
namespace {

constexpr const char* kOpen =
    "INSERT INTO open_connections (connection, tenant, kind, subject, remote, connected_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
constexpr const char* kForgetOpen = "DELETE FROM open_connections WHERE connection = ?1";
constexpr const char* kClose =
    "INSERT INTO connection_logs (connection, tenant, kind, subject, remote, connected_at, "
    "disconnected_at, code, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
    "ON CONFLICT DO NOTHING";
constexpr const char* kCloseOpen =
    "INSERT INTO connection_logs (connection, tenant, kind, subject, remote, connected_at, "
    "disconnected_at, code, reason) SELECT connection, tenant, kind, subject, remote, "
    "connected_at, ?1, 1006, 'hub restarted' FROM open_connections";
constexpr const char* kForgetAllOpen = "DELETE FROM open_connections";

// By the primary key, which has the tenant first: an index over the times of all tenants would cost
// every end of a connection a further B-tree.
constexpr const char* kNextTenant = "SELECT min(tenant) FROM connection_logs WHERE tenant > ?1";
constexpr const char* kForget =
    "DELETE FROM connection_logs WHERE tenant = ?1 AND (disconnected_at, connection) IN "
    "(SELECT disconnected_at, connection FROM connection_logs "
    "WHERE tenant = ?1 AND disconnected_at < ?2 ORDER BY disconnected_at, connection LIMIT ?3)";
/// Tenants that one step looks at.
constexpr int kMaxTenants = 100;

#define FAIRLEAD_LOG_COLUMNS                                                                \
  "SELECT connection, tenant, kind, subject, remote, connected_at, disconnected_at, code, " \
  "reason FROM connection_logs "
// One upper bound, for the end of the range and the cursor alike: SQLite walks an index from one.
#define FAIRLEAD_LOG_RANGE                                                  \
  "AND disconnected_at >= ?2 AND (disconnected_at, connection) < (?3, ?4) " \
  "ORDER BY disconnected_at DESC, connection DESC LIMIT ?5"

constexpr const char* kList = FAIRLEAD_LOG_COLUMNS "WHERE tenant = ?1 " FAIRLEAD_LOG_RANGE;
constexpr const char* kListOfDevice = FAIRLEAD_LOG_COLUMNS
    "INDEXED BY connection_logs_of_device "
    "WHERE tenant = ?1 AND subject = ?6 AND kind = 'device' " FAIRLEAD_LOG_RANGE;

#undef FAIRLEAD_LOG_COLUMNS
#undef FAIRLEAD_LOG_RANGE

Result<std::vector<hub::ConnectionLog>> logs_of(Rows& rows) {
  std::vector<hub::ConnectionLog> found;
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.push_back({.connection = rows.text(0),
                     .tenant = rows.text(1),
                     .kind = rows.text(2),
                     .subject = rows.text(3),
                     .remote = rows.text(4),
                     .connected_at = rows.integer(5),
                     .disconnected_at = rows.optional_integer(6),
                     .code = rows.integer(7),
                     .reason = rows.text(8)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

}  // namespace

Hub::Hub(Database& database)
    : database_(database),
      open_(database, kOpen),
      forget_open_(database, kForgetOpen),
      close_(database, kClose),
      close_open_(database, kCloseOpen),
      forget_all_open_(database, kForgetAllOpen),
      next_tenant_(database, kNextTenant),
      forget_(database, kForget),
      list_(database, kList),
      list_of_device_(database, kListOfDevice) {}

Result<void> Hub::open_log(const hub::ConnectionLog& log) {
  return open_.run(log.connection, log.tenant, log.kind, log.subject, log.remote, log.connected_at);
}

Result<void> Hub::close_log(const hub::ConnectionLog& log) {
  if (auto done = forget_open_.run(log.connection); !done) return done;
  return close_.run(log.connection, log.tenant, log.kind, log.subject, log.remote, log.connected_at,
                    log.disconnected_at, log.code, log.reason);
}

Result<void> Hub::close_open_logs(std::int64_t now_ms) {
  if (auto done = close_open_.run(now_ms); !done) return done;
  return forget_all_open_.run();
}

Result<bool> Hub::forget_logs(std::int64_t before_ms, std::size_t most) {
  for (int seen = 0; seen < kMaxTenants; ++seen) {
    std::string before = forgotten_tenant_;
    {
      Rows rows = next_tenant_.query(forgotten_tenant_);
      const Result<bool> found = rows.next();
      if (!found) return std::unexpected(found.error());
      // min() of no rows is one row without a value.
      auto tenant = rows.optional_text(0);
      if (!tenant) {
        forgotten_tenant_.clear();
        return false;
      }
      forgotten_tenant_ = std::move(*tenant);
    }
    auto done = forget_.run(forgotten_tenant_, before_ms, static_cast<std::int64_t>(most));
    if (!done) return std::unexpected(std::move(done.error()));
    const auto forgotten = static_cast<std::size_t>(database_.changes());
    most -= forgotten;
    if (most == 0) {
      // This tenant may have more: it comes again.
      forgotten_tenant_ = std::move(before);
      return true;
    }
  }
  return true;
}

Result<std::vector<hub::ConnectionLog>> Hub::list_logs(const hub::LogQuery& query) {
  constexpr auto kFirst = std::numeric_limits<std::int64_t>::min();
  constexpr auto kLast = std::numeric_limits<std::int64_t>::max();
  const auto from = query.from.value_or(kFirst);
  // No connection has an empty name, so this stands before all that ended at `to`.
  std::pair end(query.to.value_or(kLast), std::string());
  if (query.before_disconnected_at) {
    end = std::min(end, std::pair(*query.before_disconnected_at, query.before_connection));
  }
  const auto limit = static_cast<std::int64_t>(query.limit);
  if (query.device) {
    Rows rows =
        list_of_device_.query(query.tenant, from, end.first, end.second, limit, *query.device);
    return logs_of(rows);
  }
  Rows rows = list_.query(query.tenant, from, end.first, end.second, limit);
  return logs_of(rows);
}

}  // namespace fairlead::store::sqlite
