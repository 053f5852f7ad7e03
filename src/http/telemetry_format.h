#pragma once

#include <cstdint>
#include <optional>
#include <set>
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

/// A scalar of JSON as a field of CSV.
std::string csv_value(std::string_view json);

// CSV (RFC 4180): offset,ts,at and the metrics by name.

/// Adds the names of all metrics of `samples`.
void add_columns(const std::vector<telemetry::Sample>& samples, std::set<std::string>& columns);
std::string csv_head(const std::set<std::string>& columns);
/// Rows under `columns`. With `metrics` (then they are the columns) those that have none of them
/// are left out; without, those that have another are: they came after the columns were collected.
std::string csv_rows(const std::vector<telemetry::Sample>& samples,
                     const std::set<std::string>& columns, const std::vector<std::string>& metrics);

}  // namespace fairlead::http
