#pragma once

#include <string>
#include <vector>

#include "app/settings.h"
#include "auth/key.h"
#include "base/result.h"

namespace fairlead::app {

/// The keys of all files that the settings name. Errors (kInvalid) name the file and the rule: a
/// file that is wrong is not taken by halves. Blocks on the disk.
Result<std::vector<auth::Key>> load_key_files(const Settings& settings);

/// Whether the settings name any place where keys come from; the error says how to give one.
Result<void> check_has_keys(const Settings& settings);

/// The secret of a development hub: made in the data directory (mode 0600) when it is not there.
/// Returns its path.
Result<std::string> make_dev_secret(const std::string& data_dir);

}  // namespace fairlead::app
