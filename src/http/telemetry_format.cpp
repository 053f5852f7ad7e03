#include "http/telemetry_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "protocol/events.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"

namespace fairlead::http {
namespace {

struct Offer {
  Format format;
  std::string_view type;
};
// In the order of preference where several are taken alike.
constexpr std::array<Offer, 3> kOffers = {{{Format::kJson, "application/json"},
                                           {Format::kNdjson, "application/x-ndjson"},
                                           {Format::kCsv, "text/csv"}}};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view take(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = trim(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

/// 0 to 1000.
int quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = take(parameters, ';');
    if (!parameter.starts_with("q=")) continue;
    double value = 1;
    std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), value);
    // Not so for "nan" either, which from_chars takes.
    if (!(value > 0)) return 0;
    return static_cast<int>(std::min(value, 1.0) * 1000);
  }
  return 1000;
}

/// How exactly a range names a type: 0 for not at all, 3 for its full name.
int exactness(std::string_view range, std::string_view type) {
  if (range == type) return 3;
  const std::string_view family = type.substr(0, type.find('/') + 1);
  if (range.ends_with("/*") && range.substr(0, range.size() - 1) == family) return 2;
  return range == "*/*" ? 1 : 0;
}

int quality_for(std::string_view accept, std::string_view type) {
  int best_exactness = 0;
  int quality = 0;
  while (!accept.empty()) {
    std::string_view entry = take(accept, ',');
    const std::string_view range = take(entry, ';');
    const int exact = exactness(range, type);
    if (exact > best_exactness) {
      best_exactness = exact;
      quality = quality_of(entry);
    }
  }
  return quality;
}

std::string csv_field(const protocol::Node& node) {
  if (node.text.find_first_of("\",\r\n") == std::string_view::npos) return std::string(node.text);
  std::string quoted = "\"";
  for (const char c : node.text) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

}  // namespace

std::optional<Format> negotiate(std::string_view accept) {
  if (trim(accept).empty()) return Format::kJson;
  // Names of types and parameters have no case (RFC 9110, 5.6.6 and 8.3.1).
  std::string ranges(accept);
  std::ranges::transform(ranges, ranges.begin(), lower);
  std::optional<Format> best;
  int best_quality = 0;
  for (const Offer& offer : kOffers) {
    const int quality = quality_for(ranges, offer.type);
    if (quality > best_quality) {
      best_quality = quality;
      best = offer.format;
    }
  }
  return best;
}

std::string_view content_type(Format format) {
  return format == Format::kCsv ? "text/csv; charset=utf-8"
                                : kOffers[static_cast<std::size_t>(format)].type;
}

std::string row_json(const telemetry::Sample& sample, const std::vector<std::string>& metrics) {
  std::string kept = sample.metrics;
  if (!metrics.empty()) kept = protocol::trim_metrics(sample.metrics, metrics);
  if (!metrics.empty() && kept == "{}") return {};
  std::string json;
  protocol::JsonWriter(json)
      .begin_object()
      .member("offset", sample.offset)
      .member("ts", sample.ts)
      .member("at", sample.at)
      .raw_member("metrics", kept)
      .end_object();
  return json;
}

std::string csv_value(std::string_view json) {
  if (!json.starts_with('"')) return std::string(json);
  protocol::JsonReader reader;
  // What is stored was read once before.
  if (!reader.read_copy(fmt::format(R"({{"value":{}}})", json))) return {};
  const protocol::Document& document = reader.document();
  return csv_field(*document.children(document.root()).begin());
}

void add_columns(const std::vector<telemetry::Sample>& samples, std::set<std::string>& columns) {
  protocol::JsonReader reader;
  for (const telemetry::Sample& sample : samples) {
    // What is stored was read once before.
    if (!reader.read_copy(sample.metrics)) continue;
    for (const protocol::Node& node : reader.document().children(reader.document().root())) {
      if (!columns.contains(std::string(node.key))) columns.emplace(node.key);
    }
  }
}

std::string csv_head(const std::set<std::string>& columns) {
  std::string csv = "offset,ts,at";
  for (const std::string& column : columns) csv.append(",").append(column);
  return csv += "\r\n";
}

std::string csv_rows(const std::vector<telemetry::Sample>& samples,
                     const std::set<std::string>& columns,
                     const std::vector<std::string>& metrics) {
  protocol::JsonReader reader;
  std::string csv;
  for (const telemetry::Sample& sample : samples) {
    if (!reader.read_copy(sample.metrics)) continue;
    std::map<std::string, std::string> cells;
    bool has_other = false;
    for (const protocol::Node& node : reader.document().children(reader.document().root())) {
      std::string name(node.key);
      if (columns.contains(name)) {
        cells.emplace(std::move(name), csv_field(node));
      } else {
        has_other = true;
      }
    }
    const bool is_left_out = metrics.empty() ? has_other : cells.empty();
    if (is_left_out) continue;
    csv += fmt::format("{},{},{}", sample.offset, sample.ts, sample.at);
    for (const std::string& column : columns) {
      const auto cell = cells.find(column);
      csv.push_back(',');
      if (cell != cells.end()) csv += cell->second;
    }
    csv += "\r\n";
  }
  return csv;
}

}  // namespace fairlead::http
