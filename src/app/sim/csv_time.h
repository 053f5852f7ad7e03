#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fairlead::app::sim {

/// The time that `text` spells, in ms since the epoch; nothing when it spells none. Taken are
/// - ISO 8601 dates with or without a time, extended or basic: `2010-01-01T01:00:00.250+01:00`,
///   `2010-01-01 01:00`, `2010/01/01`, `20100101T010000Z`; without a zone it is UTC;
/// - numbers since the epoch, in seconds (with a fraction), ms, us or ns as their size tells.
/// Eight digits that are a day of 1900 to 2100 are that day.
std::optional<std::int64_t> parse_csv_time(std::string_view text);

}  // namespace fairlead::app::sim
