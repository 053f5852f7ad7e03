#include "store/postgres/fleets.h"

#include <fmt/format.h>

#include <utility>

#include "commands/id.h"
#include "store/fleet_members.h"
#include "store/postgres/commands.h"

namespace fairlead::store::postgres {
namespace {

using commands::State;

constexpr const char* kCreate =
    "INSERT INTO fleets (id, tenant, issued_by, issued_at, name, params, timeout_ms, delivery, "
    "max_in_flight, stop_after_failures, idempotency_key, members, state, is_cancelled, "
    "is_settled, waiting, executed, failed, expired, cancelled) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
    "$20)";
constexpr const char* kUpdate =
    "UPDATE fleets SET state = $2, is_cancelled = $3, is_settled = $4, waiting = $5, "
    "executed = $6, failed = $7, expired = $8, cancelled = $9 WHERE id = $1";

// Ids sort by the time of issue: the primary key is the index.
constexpr const char* kForget =
    "DELETE FROM fleets WHERE ctid = ANY (ARRAY(SELECT ctid FROM fleets WHERE id < $1 "
    "AND is_settled ORDER BY id LIMIT $2))";
constexpr const char* kHasOld =
    "SELECT count(*) FROM (SELECT 1 FROM fleets WHERE id < $1 AND is_settled LIMIT 1) AS o";

#define FAIRLEAD_FLEET_COLUMNS                                                          \
  "SELECT id, tenant, issued_by, issued_at, name, params, timeout_ms, delivery, "       \
  "max_in_flight, stop_after_failures, idempotency_key, members, state, is_cancelled, " \
  "is_settled, waiting, executed, failed, expired, cancelled FROM fleets "

constexpr const char* kFind = FAIRLEAD_FLEET_COLUMNS "WHERE id = $1";
// The words of the partial index, so that it is used.
constexpr const char* kUnsettled = FAIRLEAD_FLEET_COLUMNS "WHERE NOT is_settled ORDER BY id";

#undef FAIRLEAD_FLEET_COLUMNS

constexpr const char* kMembers = "SELECT device, status FROM device_commands WHERE fleet = $1";
constexpr const char* kKeys =
    "SELECT tenant, issued_by, idempotency_key, id, issued_at FROM fleets "
    "WHERE idempotency_key IS NOT NULL AND issued_at > $1 "
    "ORDER BY issued_at DESC, id DESC LIMIT $2";

Outcome<commands::Fleet> fleet_of(const Answer& answer, int row) {
  auto members = decode_members(answer.view(row, 11));
  const auto state = commands::fleet_state_named(answer.view(row, 12));
  if (!members || !state) {
    return std::unexpected(Problem{
        .message = fmt::format("fleet {}: the stored row is damaged", answer.view(row, 0))});
  }
  commands::Fleet fleet{
      .id = answer.text(row, 0),
      .tenant = answer.text(row, 1),
      .issued_by = answer.text(row, 2),
      .issued_at = answer.integer(row, 3),
      .name = answer.text(row, 4),
      .params = answer.optional_text(row, 5),
      .timeout_ms = answer.integer(row, 6),
      .is_queued = answer.view(row, 7) == "queue",
      .max_in_flight = answer.integer(row, 8),
      .stop_after_failures = answer.optional_integer(row, 9),
      .idempotency_key = answer.optional_text(row, 10),
      .members = std::make_shared<const commands::FleetMembers>(std::move(*members)),
      .progress = {.state = *state,
                   .is_cancelled = answer.integer(row, 13) != 0,
                   .is_settled = answer.integer(row, 14) != 0,
                   .counts = {.waiting = answer.integer(row, 15), .commands = {}}}};
  commands::FleetCounts& counts = fleet.progress.counts;
  counts.of(State::kExecuted) = answer.integer(row, 16);
  counts.of(State::kFailed) = answer.integer(row, 17);
  counts.of(State::kExpired) = answer.integer(row, 18);
  counts.of(State::kCancelled) = answer.integer(row, 19);
  return fleet;
}

Outcome<void> add_members(Connection& connection, LoadedFleet& fleet) {
  const auto answer = connection.query(kMembers, fleet.fleet.id);
  if (!answer) return std::unexpected(answer.error());
  for (int row = 0; row < answer->rows(); ++row) {
    const auto state = commands::state_named(answer->view(row, 1));
    if (!state) {
      return std::unexpected(
          Problem{.message = fmt::format("a command of fleet {} is damaged", fleet.fleet.id)});
    }
    fleet.members.emplace_back(answer->integer(row, 0), *state);
  }
  return {};
}

}  // namespace

void create_fleet(Connection& connection, const commands::Fleet& fleet) {
  const commands::FleetProgress& progress = fleet.progress;
  const commands::FleetCounts& counts = progress.counts;
  connection.send(kCreate, fleet.id, fleet.tenant, fleet.issued_by, fleet.issued_at, fleet.name,
                  fleet.params, fleet.timeout_ms, fleet.is_queued ? "queue" : "now",
                  fleet.max_in_flight, fleet.stop_after_failures, fleet.idempotency_key,
                  encode_members(*fleet.members), commands::name_of(progress.state),
                  progress.is_cancelled, progress.is_settled, counts.waiting,
                  counts.of(State::kExecuted), counts.of(State::kFailed),
                  counts.of(State::kExpired), counts.of(State::kCancelled));
}

void update_fleet(Connection& connection, const std::string& id,
                  const commands::FleetProgress& progress) {
  const commands::FleetCounts& counts = progress.counts;
  connection.send(kUpdate, id, commands::name_of(progress.state), progress.is_cancelled,
                  progress.is_settled, counts.waiting, counts.of(State::kExecuted),
                  counts.of(State::kFailed), counts.of(State::kExpired),
                  counts.of(State::kCancelled));
}

void forget_fleets(Connection& connection, std::int64_t before_ms, std::size_t most) {
  connection.send(kForget, commands::first_id_at('f', before_ms), static_cast<std::int64_t>(most));
}

Outcome<bool> has_fleets_before(Connection& connection, std::int64_t before_ms) {
  const auto answer = connection.query(kHasOld, commands::first_id_at('f', before_ms));
  if (!answer) return std::unexpected(answer.error());
  return answer->integer(0, 0) > 0;
}

Outcome<std::optional<commands::Fleet>> find_fleet(Connection& connection, const std::string& id) {
  const auto answer = connection.query(kFind, id);
  if (!answer) return std::unexpected(answer.error());
  if (answer->rows() == 0) return std::nullopt;
  auto fleet = fleet_of(*answer, 0);
  if (!fleet) return std::unexpected(std::move(fleet.error()));
  return std::move(*fleet);
}

Outcome<std::vector<LoadedFleet>> load_unsettled(Connection& connection) {
  const auto answer = connection.query(kUnsettled);
  if (!answer) return std::unexpected(answer.error());
  std::vector<LoadedFleet> found;
  for (int row = 0; row < answer->rows(); ++row) {
    auto fleet = fleet_of(*answer, row);
    if (!fleet) return std::unexpected(std::move(fleet.error()));
    found.push_back({.fleet = std::move(*fleet), .members = {}});
    if (auto added = add_members(connection, found.back()); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  return found;
}

Outcome<std::vector<IdempotencyKey>> load_fleet_keys(Connection& connection,
                                                     std::int64_t issued_after) {
  return keys_of(connection, kKeys, issued_after);
}

}  // namespace fairlead::store::postgres
