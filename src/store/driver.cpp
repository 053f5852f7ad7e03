#include "store/driver.h"

#include "store/sqlite/driver.h"
#include "store/url.h"

namespace fairlead::store {

Result<std::unique_ptr<Driver>> make_driver(const Settings& settings) {
  const auto kind = kind_of_url(settings.url);
  if (!kind) return std::unexpected(kind.error());
  return std::make_unique<sqlite::Driver>(settings);
}

}  // namespace fairlead::store
