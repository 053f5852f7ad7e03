#include "http/telemetry_buckets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "protocol/json_writer.h"

namespace fairlead::http {
namespace {

// In the order of Told.
constexpr std::array<std::string_view, 7> kNames = {"avg",   "min",   "max", "sum",
                                                    "count", "first", "last"};

std::string_view name_of(Told told) { return kNames.at(static_cast<std::size_t>(told)); }

/// Nothing where the sum of what a double can hold is more than it can.
std::optional<std::string> number_json(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  return fmt::format("{}", value);
}

/// The value in JSON; nothing where it makes no sense.
std::optional<std::string> value_of(const telemetry::Aggregate& metric, Told told) {
  switch (told) {
    case Told::kCount:
      return std::to_string(metric.count);
    case Told::kFirst:
      return metric.first;
    case Told::kLast:
      return metric.last;
    default:
      break;
  }
  if (metric.numbers == 0) return std::nullopt;
  switch (told) {
    case Told::kMin:
      return metric.min_json;
    case Told::kMax:
      return metric.max_json;
    case Told::kSum:
      return number_json(metric.sum);
    default:
      return number_json(metric.sum / static_cast<double>(metric.numbers));
  }
}

}  // namespace

Result<std::vector<Told>> told_in(const Query& query) {
  std::vector<Told> told;
  const auto text = query.find("aggregate");
  if (!text) {
    for (std::size_t i = 0; i < kNames.size(); ++i) told.push_back(static_cast<Told>(i));
    return told;
  }
  std::string_view rest = *text;
  do {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const auto found = std::ranges::find(kNames, rest.substr(0, comma));
    const auto each = static_cast<Told>(found - kNames.begin());
    if (found == kNames.end() || std::ranges::find(told, each) != told.end()) {
      return invalid_field("aggregate", fmt::format("must be of {}, each once, separated by commas",
                                                    fmt::join(kNames, " ")));
    }
    told.push_back(each);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  } while (!rest.empty());
  return told;
}

std::string bucket_json(const telemetry::Bucket& bucket, const std::vector<Told>& told) {
  std::string metrics = "{";
  for (const auto& [name, metric] : bucket.metrics) {
    if (metrics.size() > 1) metrics += ',';
    fmt::format_to(std::back_inserter(metrics), R"("{}":{{)", name);
    bool is_first = true;
    for (const Told each : told) {
      const auto value = value_of(metric, each);
      if (!value) continue;
      fmt::format_to(std::back_inserter(metrics), R"({}"{}":{})", is_first ? "" : ",",
                     name_of(each), *value);
      is_first = false;
    }
    metrics += '}';
  }
  metrics += '}';
  std::string json;
  protocol::JsonWriter(json)
      .begin_object()
      .member("ts", bucket.ts)
      .raw_member("metrics", metrics)
      .end_object();
  return json;
}

std::string buckets_csv(const std::vector<telemetry::Bucket>& buckets,
                        const std::vector<Told>& told) {
  std::set<std::string> names;
  for (const telemetry::Bucket& bucket : buckets) {
    for (const auto& each : bucket.metrics) names.insert(each.first);
  }
  std::string csv = "ts";
  for (const std::string& name : names) {
    for (const Told each : told)
      fmt::format_to(std::back_inserter(csv), ",{}.{}", name, name_of(each));
  }
  csv += "\r\n";
  for (const telemetry::Bucket& bucket : buckets) {
    csv += std::to_string(bucket.ts);
    auto metric = bucket.metrics.begin();
    for (const std::string& name : names) {
      const bool is_there = metric != bucket.metrics.end() && metric->first == name;
      for (const Told each : told) {
        csv += ',';
        const auto value = is_there ? value_of(metric->second, each) : std::nullopt;
        if (value) csv += csv_value(*value);
      }
      if (is_there) ++metric;
    }
    csv += "\r\n";
  }
  return csv;
}

}  // namespace fairlead::http
