#include "app/migrate.h"

#include <fmt/core.h>

#include <memory>
#include <vector>

#include "app/store_settings.h"
#include "base/clock.h"
#include "store/driver.h"

namespace fairlead::app {
namespace {

int refuse(const Error& error) {
  fmt::print(stderr, "fairlead: {}\n", error.message);
  return 1;
}

Result<std::vector<store::MigrationState>> states_of(const Settings& settings) {
  const auto driver = driver_of(settings);
  if (!driver) return std::unexpected(driver.error());
  return (*driver)->migrations();
}

int show_what_is_missing(const Settings& settings) {
  const auto states = states_of(settings);
  if (!states) return refuse(states.error());
  std::size_t missing = 0;
  for (const store::MigrationState& state : *states) {
    if (state.applied_at) continue;
    fmt::print("would apply {}\n", state.name);
    ++missing;
  }
  fmt::print("{} missing\n", missing);
  return 0;
}

}  // namespace

int show_migrations(const Settings& settings) {
  const auto states = states_of(settings);
  if (!states) return refuse(states.error());
  for (const store::MigrationState& state : *states) {
    fmt::print("{:04} {}: {}\n", state.version, state.name,
               state.applied_at ? "applied" : "missing");
  }
  return 0;
}

int apply_migrations(const Settings& settings, bool is_dry_run) {
  if (is_dry_run) return show_what_is_missing(settings);
  const auto driver = driver_of(settings);
  if (!driver) return refuse(driver.error());
  const auto applied = (*driver)->migrate(SystemClock());
  if (!applied) return refuse(applied.error());
  fmt::print("{} applied\n", *applied);
  return 0;
}

}  // namespace fairlead::app
