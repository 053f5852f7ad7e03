#include "store/driver.h"

#include "store/postgres/driver.h"
#include "store/sqlite/driver.h"
#include "store/url.h"

namespace fairlead::store {

Result<std::unique_ptr<Driver>> make_driver(const Settings& settings) {
  const auto kind = kind_of_url(settings.url);
  if (!kind) return std::unexpected(kind.error());
  if (*kind == Kind::kPostgres) {
    return std::make_unique<postgres::Driver>(
        postgres::Options{.url = settings.url,
                          .is_fully_durable = settings.full_durability,
                          .auto_migrate = settings.auto_migrate,
                          .timeout = settings.server_timeout,
                          .patience = settings.server_patience,
                          .retention_days = settings.retention.days});
  }
  return std::make_unique<sqlite::Driver>(settings);
}

}  // namespace fairlead::store
