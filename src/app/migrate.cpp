#include "app/migrate.h"

#include <fmt/core.h>

#include "base/clock.h"
#include "store/store.h"

namespace fairlead::app {
namespace {

int refuse(const Error& error) {
  fmt::print(stderr, "fairlead: {}\n", error.message);
  return 1;
}

}  // namespace

int show_migrations(const std::string& data_dir) {
  const auto states = store::Store::migrations(data_dir);
  if (!states) return refuse(states.error());
  for (const store::MigrationState& state : *states) {
    fmt::print("{:04} {}: {}\n", state.version, state.name,
               state.applied_at ? "applied" : "missing");
  }
  return 0;
}

int apply_migrations(const std::string& data_dir) {
  const auto applied = store::Store::migrate(data_dir, SystemClock());
  if (!applied) return refuse(applied.error());
  fmt::print("{} applied\n", *applied);
  return 0;
}

}  // namespace fairlead::app
