#pragma once

#include "app/settings.h"
#include "base/result.h"
#include "store/settings.h"

namespace fairlead::app {

/// Whether there is enough to open a store with.
Result<void> check_store(const Settings& settings);

/// What the store is to know of them.
store::Settings store_settings(const Settings& settings);

}  // namespace fairlead::app
