#include "store/postgres/partitions.h"

#include "store/postgres/sample_batch.h"

namespace fairlead::store::postgres {
namespace {

constexpr std::int64_t kDaysAhead = 3;
constexpr const char* kMake = "SELECT make_telemetry_day($1)";

}  // namespace

Outcome<void> Partitions::make(Connection& connection, std::int64_t day) {
  if (known_.contains(day)) return {};
  if (auto made = connection.query(kMake, day); !made) {
    return std::unexpected(std::move(made.error()));
  }
  known_.insert(day);
  return {};
}

Outcome<void> Partitions::make(Connection& connection,
                               const boost::unordered_flat_set<std::int64_t>& days) {
  for (const std::int64_t day : days) {
    if (auto made = make(connection, day); !made) return made;
  }
  return {};
}

Outcome<void> Partitions::make_ahead(Connection& connection, std::int64_t now_ms) {
  const std::int64_t today = day_of(now_ms);
  for (std::int64_t day = today; day <= today + kDaysAhead; ++day) {
    if (auto made = make(connection, day); !made) return made;
  }
  return {};
}

}  // namespace fairlead::store::postgres
