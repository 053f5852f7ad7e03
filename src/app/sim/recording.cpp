#include "app/sim/recording.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>

#include "app/sim/csv.h"
#include "app/sim/csv_time.h"
#include "net/utf8.h"
#include "protocol/json_writer.h"
#include "protocol/limits.h"

namespace fairlead::app::sim {
namespace {

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("_.:/-").find(c) != std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
}

/// RFC 8259, 6: what may stand in JSON as it is.
bool is_json_number(std::string_view text) {
  const auto digits = [&text] {
    const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(count);
    return count;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool has_leading_zero = text.starts_with('0');
  const std::size_t whole = digits();
  if (whole == 0 || (has_leading_zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

/// A finite number spelt in a way that JSON has not (`+4`, `.5`, `7.`), as JSON; `007` is a name.
std::optional<std::string> respelt_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::string_view unsigned_part = text;
  if (unsigned_part.starts_with('-')) unsigned_part.remove_prefix(1);
  if (unsigned_part.empty() || !(std::isdigit(static_cast<unsigned char>(unsigned_part[0])) != 0 ||
                                 unsigned_part[0] == '.')) {
    return std::nullopt;
  }
  const bool is_name = unsigned_part.size() > 1 && unsigned_part[0] == '0' &&
                       std::isdigit(static_cast<unsigned char>(unsigned_part[1])) != 0;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (is_name || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return fmt::format("{}", number);
}

bool is_finite_json_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return is_json_number(text) && error == std::errc() && std::isfinite(number);
}

std::string_view type_of(std::string_view json) {
  if (json.starts_with('"')) return "string";
  return json == "true" || json == "false" ? "boolean" : "number";
}

/// What a column holds, seen so far.
struct Column {
  std::string name;
  std::string_view type;
  bool is_mixed = false;

  void saw(std::string_view json) {
    if (type.empty()) type = type_of(json);
    is_mixed = is_mixed || type != type_of(json);
  }
};

std::string metrics_json_of(const std::vector<Column>& columns) {
  std::string out;
  protocol::JsonWriter json(out);
  json.begin_object();
  for (const Column& column : columns) {
    if (column.type.empty() || column.is_mixed) continue;
    json.key(column.name).begin_object().member("type", column.type).end_object();
  }
  json.end_object();
  return out;
}

Result<std::int64_t> row_time(std::string_view cell, std::size_t row) {
  const auto ts = parse_csv_time(trimmed(cell));
  if (!ts) return fail(Code::kInvalid, "row {}: '{}' is no time", row, cell);
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  if (*ts < 0 || *ts > now.count() + protocol::kMaxAheadMs) {
    return fail(Code::kInvalid, "row {}: {} is before 1970 or in the future", row, cell);
  }
  return *ts;
}

/// The metrics of one row, "{}" when all cells are empty.
Result<std::string> row_metrics(const std::vector<std::string>& record,
                                std::vector<Column>& columns, std::size_t row) {
  if (record.size() > columns.size() + 1) {
    return fail(Code::kInvalid, "row {}: {} cells, the header has {}", row, record.size(),
                columns.size() + 1);
  }
  std::string out;
  protocol::JsonWriter json(out);
  json.begin_object();
  for (std::size_t i = 1; i < record.size(); ++i) {
    Column& column = columns[i - 1];
    const std::string_view cell = trimmed(record[i]);
    if (cell.empty()) continue;
    if (cell.size() > protocol::kMaxMetricTextBytes) {
      return fail(Code::kInvalid, "row {}: {} has {} bytes, at most {} are taken", row, column.name,
                  cell.size(), protocol::kMaxMetricTextBytes);
    }
    const std::string value = cell_json(cell);
    column.saw(value);
    json.raw_member(column.name, value);
  }
  json.end_object();
  return out;
}

}  // namespace

std::string metric_name_for(std::string_view header, std::size_t column,
                            std::vector<std::string>& taken) {
  std::string name(trimmed(header).substr(0, protocol::kMaxMetricNameLength));
  std::ranges::replace_if(name, [](char c) { return !is_name_character(c); }, '_');
  if (name.empty()) name = fmt::format("column_{}", column);
  const std::string stem = name;
  for (int copy = 2; std::ranges::find(taken, name) != taken.end(); ++copy) {
    const std::string suffix = fmt::format("_{}", copy);
    name = stem.substr(0, protocol::kMaxMetricNameLength - suffix.size()) + suffix;
  }
  taken.push_back(name);
  return name;
}

std::string cell_json(std::string_view cell) {
  if (is_finite_json_number(cell)) return std::string(cell);
  if (equals_ignoring_case(cell, "true")) return "true";
  if (equals_ignoring_case(cell, "false")) return "false";
  if (auto number = respelt_number(cell)) return *std::move(number);
  std::string out;
  protocol::JsonWriter(out).value(cell);
  return out;
}

Result<Recording> parse_recording(std::string_view csv) {
  if (!net::is_utf8(csv)) return fail(Code::kInvalid, "no UTF-8 text");
  const auto records = parse_csv(csv);
  if (!records) return std::unexpected(records.error());
  if (records->size() < 2 || records->front().size() < 2) {
    return fail(Code::kInvalid, "no header with a time and a metric, or no row below it");
  }
  const std::vector<std::string>& header = records->front();
  if (header.size() > protocol::kMaxMetrics + 1) {
    return fail(Code::kInvalid, "{} metrics, at most {} are taken", header.size() - 1,
                protocol::kMaxMetrics);
  }
  std::vector<Column> columns;
  std::vector<std::string> taken;
  for (std::size_t i = 1; i < header.size(); ++i) {
    columns.push_back({.name = metric_name_for(header[i], i + 1, taken), .type = {}});
  }
  Recording recording;
  recording.readings.reserve(records->size() - 1);
  for (std::size_t row = 1; row < records->size(); ++row) {
    const auto ts = row_time((*records)[row].front(), row);
    if (!ts) return std::unexpected(ts.error());
    auto metrics = row_metrics((*records)[row], columns, row);
    if (!metrics) return std::unexpected(std::move(metrics.error()));
    if (*metrics == "{}") {
      ++recording.empty_rows;
      continue;
    }
    recording.readings.push_back({.ts = *ts, .metrics = *std::move(metrics)});
  }
  recording.metrics_json = metrics_json_of(columns);
  return recording;
}

Result<Recording> load_recording(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::kInvalid, "cannot read {}: {}", path, std::strerror(errno));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  auto recording = parse_recording(text);
  if (!recording) return fail(Code::kInvalid, "{}: {}", path, recording.error().message);
  return recording;
}

ReplaySource::ReplaySource(std::shared_ptr<const Recording> recording, double speed,
                           const Moment& start)
    : recording_(std::move(recording)), speed_(speed), start_us_(start.steady_us) {}

std::int64_t ReplaySource::due_us() const {
  const std::vector<Reading>& readings = recording_->readings;
  if (next_ >= readings.size()) return kNever;
  if (speed_ <= 0) return start_us_;
  const double recorded_ms = static_cast<double>(readings[next_].ts - readings.front().ts);
  return start_us_ + static_cast<std::int64_t>(recorded_ms * 1000 / speed_);
}

std::optional<Reading> ReplaySource::take(const Moment& now) {
  if (now.steady_us < due_us()) return std::nullopt;
  return recording_->readings[next_++];
}

}  // namespace fairlead::app::sim
