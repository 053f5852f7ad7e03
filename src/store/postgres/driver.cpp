#include "store/postgres/driver.h"

#include <utility>

#include "store/postgres/backend.h"
#include "store/postgres/reader.h"
#include "store/postgres/retention.h"
#include "store/postgres/schema.h"
#include "store/postgres/writing_session.h"

namespace fairlead::store::postgres {

std::string Driver::describe() const { return "PostgreSQL at " + place_of(options_.url); }

std::unexpected<Error> Driver::explain(const Error& error) const {
  std::string_view why = error.message;
  constexpr std::string_view kPrefix = "PostgreSQL: ";
  if (why.starts_with(kPrefix)) why.remove_prefix(kPrefix.size());
  return fail(error.code, "{}: {}", describe(), why);
}

Result<std::unique_ptr<store::Backend>> Driver::open_backend(const Clock& clock) {
  auto backend = Backend::open(options_, clock);
  if (!backend) return explain(backend.error());
  return std::move(*backend);
}

Result<std::unique_ptr<store::Reader>> Driver::open_reader() {
  auto reader = Reader::open(options_);
  if (!reader) return explain(reader.error());
  return std::move(*reader);
}

Result<std::unique_ptr<Keeper>> Driver::start_keeper(const Clock& clock,
                                                     const std::function<void()>& /*wake*/) {
  if (options_.retention_days == 0) return nullptr;
  return std::make_unique<Retention>(options_, clock, options_.retention_days);
}

Result<std::uint64_t> Driver::back_up(
    const std::filesystem::path& /*out*/,
    const std::function<void(std::uint64_t, std::uint64_t)>& /*progress*/) {
  return fail(Code::kInvalid, "{}: use pg_dump or pg_basebackup for a backup", describe());
}

Result<std::vector<std::string>> Driver::check() {
  return fail(Code::kInvalid, "{}: use pg_amcheck and data checksums for a check", describe());
}

Result<std::vector<MigrationState>> Driver::migrations() {
  const auto connection = Connection::open(reader_session(options_));
  if (!connection) return explain(to_error(connection.error()).error());
  auto states = schema_state(**connection, postgres_migrations());
  if (!states) return explain(states.error());
  return states;
}

Result<std::size_t> Driver::migrate(const Clock& clock) {
  WritingSession session(options_, "migrate");
  // The session before this one may have ended without the server having noticed yet.
  const auto connection = session.wait_for(options_.lock_patience);
  if (!connection) return explain(to_error(connection.error()).error());
  auto applied = postgres::migrate(**connection, postgres_migrations(), clock.now_ms());
  if (!applied) return explain(applied.error());
  return applied;
}

}  // namespace fairlead::store::postgres
