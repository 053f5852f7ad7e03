#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "app/transfer/input.h"
#include "base/result.h"

namespace fairlead::app::transfer {

/// One line of what is imported: a device's entry, or a sample.
struct Row {
  std::string device;
  /// The entry, a JSON object; empty: it is a sample.
  std::string entry;
  std::int64_t ts = 0;
  /// The `metrics` object as JSON: a number is the text that stood in the file.
  std::string metrics;
  /// Where it stands.
  std::uint64_t line = 0;
};

/// Reads rows one after the other; keeps nothing but the one it reads.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// Fills `row`; false behind the last one. An error names file, line and rule.
  virtual Result<bool> next(Row& row) = 0;
};

/// `{"device":…,"ts":…,"metrics":{…}}` or `{"device":…,"entry":{…}}` a line; other members are
/// ignored. `device`: whose rows those are that do not say; may be empty.
std::unique_ptr<RowSource> ndjson_source(Input& input, std::string device);

/// CSV (RFC 4180) whose first record names the columns: `ts`, `device` unless that is given, and
/// metrics; `offset`, `at` and `seq` are ignored. An empty cell is no value, one in quotes a text;
/// of the others numbers and booleans are what they look like.
Result<std::unique_ptr<RowSource>> csv_source(Input& input, std::string device);

}  // namespace fairlead::app::transfer
