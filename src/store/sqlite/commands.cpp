#include "store/sqlite/commands.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "commands/id.h"
#include "store/history.h"

namespace fairlead::store::sqlite {
namespace {

constexpr const char* kSave =
    "INSERT INTO device_commands (id, device, tenant, device_id, name, params, status, result, "
    "error, late_result, delivery, issued_by, issued_at, expires_at, attempt, idempotency_key, "
    "fleet, history) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) "
    "ON CONFLICT (id) DO UPDATE SET device = excluded.device, tenant = excluded.tenant, "
    "device_id = excluded.device_id, name = excluded.name, params = excluded.params, "
    "status = excluded.status, result = excluded.result, error = excluded.error, "
    "late_result = excluded.late_result, delivery = excluded.delivery, "
    "issued_by = excluded.issued_by, issued_at = excluded.issued_at, "
    "expires_at = excluded.expires_at, attempt = excluded.attempt, "
    "idempotency_key = excluded.idempotency_key, fleet = excluded.fleet, "
    "history = excluded.history";

// Ids sort by the time of issue: the primary key is the index.
constexpr const char* kForget =
    "DELETE FROM device_commands WHERE id IN (SELECT id FROM device_commands WHERE id < ?1 "
    "AND status NOT IN ('pending', 'delivered', 'accepted') ORDER BY id LIMIT ?2)";

#define FAIRLEAD_COMMAND_COLUMNS                                                             \
  "SELECT id, device, tenant, device_id, name, params, status, result, error, late_result, " \
  "delivery, issued_by, issued_at, expires_at, attempt, idempotency_key, fleet, history "    \
  "FROM device_commands "

constexpr const char* kFind = FAIRLEAD_COMMAND_COLUMNS "WHERE id = ?1";
constexpr const char* kList = FAIRLEAD_COMMAND_COLUMNS
    "WHERE device = ?1 AND (issued_at, id) < (?2, ?3) AND (?4 IS NULL OR status = ?4) "
    "ORDER BY issued_at DESC, id DESC LIMIT ?5";
// The words of the partial index, so that it is used.
constexpr const char* kUnfinished = FAIRLEAD_COMMAND_COLUMNS
    "WHERE status IN ('pending', 'delivered', 'accepted') ORDER BY issued_at, id";

#undef FAIRLEAD_COMMAND_COLUMNS

constexpr const char* kKeys =
    "SELECT tenant, issued_by, idempotency_key, id, issued_at FROM device_commands "
    "WHERE idempotency_key IS NOT NULL AND issued_at > ?1 "
    "ORDER BY issued_at DESC, id DESC LIMIT ?2";

Result<commands::Command> command_of(const Rows& rows) {
  const auto state = commands::state_named(rows.view(6));
  auto history = decode_history(rows.view(17));
  if (!state || !history) {
    return fail(Code::kInternal, "command {}: the stored row is damaged", rows.view(0));
  }
  return commands::Command{.id = rows.text(0),
                           .device_key = rows.integer(1),
                           .tenant = rows.text(2),
                           .device = rows.text(3),
                           .name = rows.text(4),
                           .params = rows.optional_text(5),
                           .state = *state,
                           .result = rows.optional_text(7),
                           .error = rows.optional_text(8),
                           .late_result = rows.optional_text(9),
                           .is_queued = rows.view(10) == "queue",
                           .issued_by = rows.text(11),
                           .issued_at = rows.integer(12),
                           .expires_at = rows.integer(13),
                           .attempt = rows.integer(14),
                           .idempotency_key = rows.optional_text(15),
                           .fleet = rows.optional_text(16),
                           .history = std::move(*history)};
}

Result<std::vector<commands::Command>> commands_of(Rows& rows) {
  std::vector<commands::Command> found;
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    auto command = command_of(rows);
    if (!command) return std::unexpected(std::move(command.error()));
    found.push_back(std::move(*command));
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

}  // namespace

Commands::Commands(Database& database)
    : database_(database),
      save_(database, kSave),
      forget_(database, kForget),
      find_(database, kFind),
      list_(database, kList),
      unfinished_(database, kUnfinished),
      keys_(database, kKeys) {}

Result<void> Commands::save(const commands::Command& command) {
  return save_.run(command.id, command.device_key, command.tenant, command.device, command.name,
                   command.params, commands::name_of(command.state), command.result, command.error,
                   command.late_result, command.is_queued ? "queue" : "now", command.issued_by,
                   command.issued_at, command.expires_at, command.attempt, command.idempotency_key,
                   command.fleet, encode_history(command.history));
}

Result<bool> Commands::forget(std::int64_t before_ms, std::size_t most) {
  const auto limit = static_cast<std::int64_t>(most);
  const auto done = forget_.run(commands::first_id_at('k', before_ms), limit);
  if (!done) return std::unexpected(done.error());
  return database_.changes() == limit;
}

Result<std::optional<commands::Command>> Commands::find(const std::string& id) {
  Rows rows = find_.query(id);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  auto command = command_of(rows);
  if (!command) return std::unexpected(std::move(command.error()));
  return std::move(*command);
}

Result<std::vector<commands::Command>> Commands::list(const commands::ListQuery& query) {
  std::optional<std::string_view> status;
  if (query.state) status = commands::name_of(*query.state);
  Rows rows = list_.query(query.device,
                          query.before_issued_at.value_or(std::numeric_limits<std::int64_t>::max()),
                          query.before_id, status, static_cast<std::int64_t>(query.limit));
  return commands_of(rows);
}

Result<std::vector<commands::Command>> Commands::unfinished() {
  Rows rows = unfinished_.query();
  return commands_of(rows);
}

Result<std::vector<IdempotencyKey>> Commands::keys(std::int64_t issued_after) {
  return keys_of(keys_, issued_after);
}

Result<std::vector<IdempotencyKey>> keys_of(Statement& statement, std::int64_t issued_after) {
  std::vector<IdempotencyKey> found;
  Rows rows = statement.query(issued_after, static_cast<std::int64_t>(kMaxIdempotencyKeys));
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.push_back({.tenant = rows.text(0),
                     .issued_by = rows.text(1),
                     .key = rows.text(2),
                     .command = rows.text(3),
                     .issued_at = rows.integer(4)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

}  // namespace fairlead::store::sqlite
