#pragma once

#include <memory>

#include "app/settings.h"
#include "auth/keys.h"
#include "base/result.h"

namespace fairlead::app {

/// The keys that the settings name. Without any: an error that says how to give one.
Result<std::shared_ptr<const auth::KeySet>> load_keys(const Settings& settings);

/// The secret of a development hub: made in the data directory (mode 0600) when it is not there.
/// Returns its path.
Result<std::string> make_dev_secret(const std::string& data_dir);

}  // namespace fairlead::app
