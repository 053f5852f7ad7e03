#include "unit/store/postgres_world.h"

#include <doctest/doctest.h>

#include "store/driver.h"

namespace fairlead::store::test {
namespace {

Settings settings_for(const support::PostgresDatabase& database) {
  Settings settings;
  settings.url = database.url();
  settings.auto_migrate = true;
  return settings;
}

}  // namespace

PostgresWorld::PostgresWorld() : driver_(*make_driver(settings_for(database_))) { open(); }

void PostgresWorld::open() {
  auto backend = driver_->open_backend(clock);
  REQUIRE_MESSAGE(backend, backend.error().message);
  backend_ = std::move(*backend);
  auto reader = driver_->open_reader();
  REQUIRE_MESSAGE(reader, reader.error().message);
  reader_ = std::move(*reader);
  reads_ = std::make_unique<ReadQueue>(16);
  writer_ = std::make_unique<Writer>(*backend_, WriterLimits{});
}

void PostgresWorld::close() {
  writer_.reset();
  reads_.reset();
  reader_.reset();
  backend_.reset();
}

}  // namespace fairlead::store::test
