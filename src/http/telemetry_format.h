#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/sample.h"

namespace fairlead::http {

/// In which form history is given.
enum class Format : std::uint8_t { kJson, kNdjson, kCsv };

/// The best of ours that an `Accept` header takes (RFC 9110, 12.5.1); JSON when there is none;
/// nullopt when it takes nothing of ours.
std::optional<Format> negotiate(std::string_view accept);
std::string_view content_type(Format format);

/// One row as JSON (protocol, section 9); only `metrics` (sorted) when there are some. Empty when
/// the row has none of them.
std::string row_json(const telemetry::Sample& sample, const std::vector<std::string>& metrics);

/// Rows as CSV (RFC 4180): offset,ts,at and the metrics by name.
std::string rows_csv(const std::vector<telemetry::Sample>& samples,
                     const std::vector<std::string>& metrics);

}  // namespace fairlead::http
