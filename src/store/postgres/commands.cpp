#include "store/postgres/commands.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "commands/id.h"
#include "store/history.h"

namespace fairlead::store::postgres {
namespace {

constexpr const char* kSave =
    "INSERT INTO device_commands (id, device, tenant, device_id, name, params, status, result, "
    "error, late_result, delivery, issued_by, issued_at, expires_at, attempt, idempotency_key, "
    "fleet, history) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) "
    "ON CONFLICT (id) DO UPDATE SET device = excluded.device, tenant = excluded.tenant, "
    "device_id = excluded.device_id, name = excluded.name, params = excluded.params, "
    "status = excluded.status, result = excluded.result, error = excluded.error, "
    "late_result = excluded.late_result, delivery = excluded.delivery, "
    "issued_by = excluded.issued_by, issued_at = excluded.issued_at, "
    "expires_at = excluded.expires_at, attempt = excluded.attempt, "
    "idempotency_key = excluded.idempotency_key, fleet = excluded.fleet, "
    "history = excluded.history";

// Ids sort by the time of issue: the primary key is the index.
#define FAIRLEAD_OLD_COMMANDS \
  "FROM device_commands WHERE id < $1 AND status NOT IN ('pending', 'delivered', 'accepted') "

constexpr const char* kForget =
    "DELETE FROM device_commands WHERE ctid = ANY (ARRAY(SELECT ctid " FAIRLEAD_OLD_COMMANDS
    "ORDER BY id LIMIT $2))";
constexpr const char* kHasOld =
    "SELECT count(*) FROM (SELECT 1 " FAIRLEAD_OLD_COMMANDS "LIMIT 1) AS o";

#undef FAIRLEAD_OLD_COMMANDS

#define FAIRLEAD_COMMAND_COLUMNS                                                             \
  "SELECT id, device, tenant, device_id, name, params, status, result, error, late_result, " \
  "delivery, issued_by, issued_at, expires_at, attempt, idempotency_key, fleet, history "    \
  "FROM device_commands "

constexpr const char* kFind = FAIRLEAD_COMMAND_COLUMNS "WHERE id = $1";
constexpr const char* kList = FAIRLEAD_COMMAND_COLUMNS
    "WHERE device = $1 AND (issued_at, id) < ($2, $3) AND ($4 IS NULL OR status = $4) "
    "ORDER BY issued_at DESC, id DESC LIMIT $5";
// The words of the partial index, so that it is used.
constexpr const char* kUnfinished = FAIRLEAD_COMMAND_COLUMNS
    "WHERE status IN ('pending', 'delivered', 'accepted') ORDER BY issued_at, id";

#undef FAIRLEAD_COMMAND_COLUMNS

constexpr const char* kKeys =
    "SELECT tenant, issued_by, idempotency_key, id, issued_at FROM device_commands "
    "WHERE idempotency_key IS NOT NULL AND issued_at > $1 "
    "ORDER BY issued_at DESC, id DESC LIMIT $2";

Outcome<commands::Command> command_of(const Answer& answer, int row) {
  const auto state = commands::state_named(answer.view(row, 6));
  auto history = decode_history(answer.view(row, 17));
  if (!state || !history) {
    return std::unexpected(Problem{
        .message = fmt::format("command {}: the stored row is damaged", answer.view(row, 0))});
  }
  return commands::Command{.id = answer.text(row, 0),
                           .device_key = answer.integer(row, 1),
                           .tenant = answer.text(row, 2),
                           .device = answer.text(row, 3),
                           .name = answer.text(row, 4),
                           .params = answer.optional_text(row, 5),
                           .state = *state,
                           .result = answer.optional_text(row, 7),
                           .error = answer.optional_text(row, 8),
                           .late_result = answer.optional_text(row, 9),
                           .is_queued = answer.view(row, 10) == "queue",
                           .issued_by = answer.text(row, 11),
                           .issued_at = answer.integer(row, 12),
                           .expires_at = answer.integer(row, 13),
                           .attempt = answer.integer(row, 14),
                           .idempotency_key = answer.optional_text(row, 15),
                           .fleet = answer.optional_text(row, 16),
                           .history = std::move(*history)};
}

Outcome<std::vector<commands::Command>> commands_of(const Outcome<Answer>& answer) {
  if (!answer) return std::unexpected(answer.error());
  std::vector<commands::Command> found;
  for (int row = 0; row < answer->rows(); ++row) {
    auto command = command_of(*answer, row);
    if (!command) return std::unexpected(std::move(command.error()));
    found.push_back(std::move(*command));
  }
  return found;
}

}  // namespace

void save_command(Connection& connection, const commands::Command& command) {
  connection.send(kSave, command.id, command.device_key, command.tenant, command.device,
                  command.name, command.params, commands::name_of(command.state), command.result,
                  command.error, command.late_result, command.is_queued ? "queue" : "now",
                  command.issued_by, command.issued_at, command.expires_at, command.attempt,
                  command.idempotency_key, command.fleet, encode_history(command.history));
}

void forget_commands(Connection& connection, std::int64_t before_ms, std::size_t most) {
  connection.send(kForget, commands::first_id_at('k', before_ms), static_cast<std::int64_t>(most));
}

Outcome<bool> has_commands_before(Connection& connection, std::int64_t before_ms) {
  const auto answer = connection.query(kHasOld, commands::first_id_at('k', before_ms));
  if (!answer) return std::unexpected(answer.error());
  return answer->integer(0, 0) > 0;
}

Outcome<std::optional<commands::Command>> find_command(Connection& connection,
                                                       const std::string& id) {
  auto found = commands_of(connection.query(kFind, id));
  if (!found) return std::unexpected(std::move(found.error()));
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

Outcome<std::vector<commands::Command>> list_commands(Connection& connection,
                                                      const commands::ListQuery& query) {
  std::optional<std::string_view> status;
  if (query.state) status = commands::name_of(*query.state);
  return commands_of(
      connection.query(kList, query.device,
                       query.before_issued_at.value_or(std::numeric_limits<std::int64_t>::max()),
                       query.before_id, status, static_cast<std::int64_t>(query.limit)));
}

Outcome<std::vector<commands::Command>> load_unfinished(Connection& connection) {
  return commands_of(connection.query(kUnfinished));
}

Outcome<std::vector<IdempotencyKey>> load_keys(Connection& connection, std::int64_t issued_after) {
  return keys_of(connection, kKeys, issued_after);
}

Outcome<std::vector<IdempotencyKey>> keys_of(Connection& connection, std::string_view sql,
                                             std::int64_t issued_after) {
  const auto answer =
      connection.query(sql, issued_after, static_cast<std::int64_t>(kMaxIdempotencyKeys));
  if (!answer) return std::unexpected(answer.error());
  std::vector<IdempotencyKey> found;
  found.reserve(static_cast<std::size_t>(answer->rows()));
  for (int row = 0; row < answer->rows(); ++row) {
    found.push_back({.tenant = answer->text(row, 0),
                     .issued_by = answer->text(row, 1),
                     .key = answer->text(row, 2),
                     .command = answer->text(row, 3),
                     .issued_at = answer->integer(row, 4)});
  }
  return found;
}

}  // namespace fairlead::store::postgres
