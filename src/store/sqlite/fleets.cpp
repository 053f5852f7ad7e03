#include "store/sqlite/fleets.h"

#include <utility>

#include "commands/id.h"
#include "store/fleet_members.h"
#include "store/sqlite/commands.h"

namespace fairlead::store::sqlite {
namespace {

using commands::State;

constexpr const char* kCreate =
    "INSERT INTO fleets (id, tenant, issued_by, issued_at, name, params, timeout_ms, delivery, "
    "max_in_flight, stop_after_failures, idempotency_key, members, state, is_cancelled, "
    "is_settled, waiting, executed, failed, expired, cancelled) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, "
    "?20)";
constexpr const char* kUpdate =
    "UPDATE fleets SET state = ?2, is_cancelled = ?3, is_settled = ?4, waiting = ?5, "
    "executed = ?6, failed = ?7, expired = ?8, cancelled = ?9 WHERE id = ?1";

// Ids sort by the time of issue: the primary key is the index.
constexpr const char* kForget =
    "DELETE FROM fleets WHERE id IN (SELECT id FROM fleets WHERE id < ?1 AND is_settled = 1 "
    "ORDER BY id LIMIT ?2)";

#define FAIRLEAD_FLEET_COLUMNS                                                          \
  "SELECT id, tenant, issued_by, issued_at, name, params, timeout_ms, delivery, "       \
  "max_in_flight, stop_after_failures, idempotency_key, members, state, is_cancelled, " \
  "is_settled, waiting, executed, failed, expired, cancelled FROM fleets "

constexpr const char* kFind = FAIRLEAD_FLEET_COLUMNS "WHERE id = ?1";
// The words of the partial index, so that it is used.
constexpr const char* kUnsettled = FAIRLEAD_FLEET_COLUMNS "WHERE is_settled = 0 ORDER BY id";

#undef FAIRLEAD_FLEET_COLUMNS

constexpr const char* kMembers = "SELECT device, status FROM device_commands WHERE fleet = ?1";
constexpr const char* kKeys =
    "SELECT tenant, issued_by, idempotency_key, id, issued_at FROM fleets "
    "WHERE idempotency_key IS NOT NULL AND issued_at > ?1 "
    "ORDER BY issued_at DESC, id DESC LIMIT ?2";

Result<commands::Fleet> fleet_of(const Rows& rows) {
  auto members = decode_members(rows.view(11));
  const auto state = commands::fleet_state_named(rows.view(12));
  if (!members || !state) {
    return fail(Code::kInternal, "fleet {}: the stored row is damaged", rows.view(0));
  }
  commands::Fleet fleet{
      .id = rows.text(0),
      .tenant = rows.text(1),
      .issued_by = rows.text(2),
      .issued_at = rows.integer(3),
      .name = rows.text(4),
      .params = rows.optional_text(5),
      .timeout_ms = rows.integer(6),
      .is_queued = rows.view(7) == "queue",
      .max_in_flight = rows.integer(8),
      .stop_after_failures = rows.optional_integer(9),
      .idempotency_key = rows.optional_text(10),
      .members = std::make_shared<const commands::FleetMembers>(std::move(*members)),
      .progress = {.state = *state,
                   .is_cancelled = rows.integer(13) != 0,
                   .is_settled = rows.integer(14) != 0,
                   .counts = {.waiting = rows.integer(15), .commands = {}}}};
  commands::FleetCounts& counts = fleet.progress.counts;
  counts.of(State::kExecuted) = rows.integer(16);
  counts.of(State::kFailed) = rows.integer(17);
  counts.of(State::kExpired) = rows.integer(18);
  counts.of(State::kCancelled) = rows.integer(19);
  return fleet;
}

std::int64_t number(bool is_set) { return is_set ? 1 : 0; }

}  // namespace

Fleets::Fleets(Database& database)
    : database_(database),
      create_(database, kCreate),
      update_(database, kUpdate),
      forget_(database, kForget),
      find_(database, kFind),
      unsettled_(database, kUnsettled),
      members_(database, kMembers),
      keys_(database, kKeys) {}

Result<void> Fleets::create(const commands::Fleet& fleet) {
  const commands::FleetProgress& progress = fleet.progress;
  const commands::FleetCounts& counts = progress.counts;
  return create_.run(fleet.id, fleet.tenant, fleet.issued_by, fleet.issued_at, fleet.name,
                     fleet.params, fleet.timeout_ms, fleet.is_queued ? "queue" : "now",
                     fleet.max_in_flight, fleet.stop_after_failures, fleet.idempotency_key,
                     encode_members(*fleet.members), commands::name_of(progress.state),
                     number(progress.is_cancelled), number(progress.is_settled), counts.waiting,
                     counts.of(State::kExecuted), counts.of(State::kFailed),
                     counts.of(State::kExpired), counts.of(State::kCancelled));
}

Result<void> Fleets::update(const std::string& id, const commands::FleetProgress& progress) {
  const commands::FleetCounts& counts = progress.counts;
  return update_.run(id, commands::name_of(progress.state), number(progress.is_cancelled),
                     number(progress.is_settled), counts.waiting, counts.of(State::kExecuted),
                     counts.of(State::kFailed), counts.of(State::kExpired),
                     counts.of(State::kCancelled));
}

Result<bool> Fleets::forget(std::int64_t before_ms, std::size_t most) {
  const auto limit = static_cast<std::int64_t>(most);
  const auto done = forget_.run(commands::first_id_at('f', before_ms), limit);
  if (!done) return std::unexpected(done.error());
  return database_.changes() == limit;
}

Result<std::optional<commands::Fleet>> Fleets::find(const std::string& id) {
  Rows rows = find_.query(id);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  auto fleet = fleet_of(rows);
  if (!fleet) return std::unexpected(std::move(fleet.error()));
  return std::move(*fleet);
}

Result<std::vector<LoadedFleet>> Fleets::unsettled() {
  std::vector<LoadedFleet> found;
  Rows rows = unsettled_.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    auto fleet = fleet_of(rows);
    if (!fleet) return std::unexpected(std::move(fleet.error()));
    found.push_back({.fleet = std::move(*fleet), .members = {}});
    if (auto added = add_members(found.back()); !added) return std::unexpected(added.error());
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

Result<void> Fleets::add_members(LoadedFleet& fleet) {
  Rows rows = members_.query(fleet.fleet.id);
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    const auto state = commands::state_named(rows.view(1));
    if (!state) return fail(Code::kInternal, "a command of fleet {} is damaged", fleet.fleet.id);
    fleet.members.emplace_back(rows.integer(0), *state);
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return {};
}

Result<std::vector<IdempotencyKey>> Fleets::keys(std::int64_t issued_after) {
  return keys_of(keys_, issued_after);
}

}  // namespace fairlead::store::sqlite
