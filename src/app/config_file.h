#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace fairlead::app {

/// The entries of a TOML file as `section.key` and text (lists joined by commas), in the order of
/// keys. The error names file, line and cause.
Result<std::vector<std::pair<std::string, std::string>>> read_config_file(const std::string& path);

}  // namespace fairlead::app
