#pragma once

#include <memory>

#include "app/settings.h"
#include "base/result.h"
#include "store/driver.h"
#include "store/settings.h"

namespace fairlead::app {

/// Whether there is enough to open a store with.
Result<void> check_store(const Settings& settings);

/// What the store is to know of them.
store::Settings store_settings(const Settings& settings);

/// The driver of the store that they name.
Result<std::unique_ptr<store::Driver>> driver_of(const Settings& settings);

}  // namespace fairlead::app
