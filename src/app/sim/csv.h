#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fairlead::app::sim {

/// The records of a CSV text (RFC 4180): quoted fields may hold commas, quotes and line ends; a
/// byte order mark and empty lines are skipped. An error names the line.
Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text);

}  // namespace fairlead::app::sim
