#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "telemetry/sample.h"

namespace fairlead::telemetry {

/// What counts for sums and comparisons: a number's value, 0 or 1 for a boolean, nothing for a
/// string. `json` is a value as `metrics` has it.
std::optional<double> number_in(std::string_view json);

/// What one metric did over a stretch of samples. Numbers are counted, summed and compared;
/// booleans as 0 and 1; of strings only how many there were, the first and the last. Adding and
/// merging give the same in any order, but for the rounding of `sum`. A value.
struct Aggregate {
  /// Samples that have the metric.
  std::int64_t count = 0;
  /// Those of them whose value is a number or a boolean: sum, min and max are theirs.
  std::int64_t numbers = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  /// The same in the words of the sample that had it.
  std::string min_json{};
  std::string max_json{};
  /// By (ts, offset), in JSON.
  Position first_at{};
  std::string first{};
  Position last_at{};
  std::string last{};

  /// One sample's value, in JSON as `metrics` has it.
  void add(const Position& at, std::string_view json);
  void merge(const Aggregate& other);

  friend bool operator==(const Aggregate&, const Aggregate&) = default;
};

}  // namespace fairlead::telemetry
