#include "telemetry/aggregate.h"

#include <charconv>
#include <optional>
#include <system_error>

namespace fairlead::telemetry {
std::optional<double> number_in(std::string_view json) {
  if (json == "true") return 1;
  if (json == "false") return 0;
  double value = 0;
  const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  // Too small for a double: as good as 0. Too large was refused when it came.
  if (error == std::errc::result_out_of_range) return 0;
  if (error != std::errc() || end != json.data() + json.size()) return std::nullopt;
  return value;
}

void Aggregate::add(const Position& at, std::string_view json) {
  if (count == 0 || at < first_at) {
    first_at = at;
    first = json;
  }
  if (count == 0 || last_at < at) {
    last_at = at;
    last = json;
  }
  ++count;
  const std::optional<double> value = number_in(json);
  if (!value) return;
  if (numbers == 0 || *value < min) {
    min = *value;
    min_json = json;
  }
  if (numbers == 0 || *value > max) {
    max = *value;
    max_json = json;
  }
  sum += *value;
  ++numbers;
}

void Aggregate::merge(const Aggregate& other) {
  if (other.count == 0) return;
  if (count == 0 || other.first_at < first_at) {
    first_at = other.first_at;
    first = other.first;
  }
  if (count == 0 || last_at < other.last_at) {
    last_at = other.last_at;
    last = other.last;
  }
  count += other.count;
  if (other.numbers == 0) return;
  if (numbers == 0 || other.min < min) {
    min = other.min;
    min_json = other.min_json;
  }
  if (numbers == 0 || other.max > max) {
    max = other.max;
    max_json = other.max_json;
  }
  sum += other.sum;
  numbers += other.numbers;
}

}  // namespace fairlead::telemetry
