#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/json_reader.h"

namespace fairlead::app::transfer {

/// Samples as lines of CSV (RFC 4180): `device,offset,ts,at`, then one column a metric. Numbers and
/// booleans stand as they were sent, texts in quotes, always: so an import can tell `"21"` from 21.
class CsvTable {
 public:
  /// `metrics` are the columns; sorted.
  explicit CsvTable(std::vector<std::string> metrics);

  std::string head() const;
  /// One row of the hub's NDJSON; an error when it has a metric that is no column.
  Result<std::string> row(std::string_view device, std::string_view json);

 private:
  const std::vector<std::string> metrics_;
  protocol::JsonReader reader_;
  /// Of the row under way, by column; they keep their memory.
  std::vector<std::string> cells_;
};

}  // namespace fairlead::app::transfer
