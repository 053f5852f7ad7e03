#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fairlead::app::transfer {

/// A time in ms since the epoch: digits are that already, all else is ISO 8601. Nothing when it is
/// neither.
std::optional<std::int64_t> parse_time(std::string_view text);

}  // namespace fairlead::app::transfer
