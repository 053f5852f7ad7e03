#include "telemetry/latest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "telemetry/flat_metrics.h"

namespace fairlead::telemetry {
namespace {

// A checkpoint is lines of `ts offset name value`, behind one line with the offset. Names hold no
// spaces and values no line feeds (JSON escapes them).
std::optional<std::int64_t> take_number(std::string_view& text, char end) {
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto used = static_cast<std::size_t>(stop - text.data());
  if (error != std::errc() || used >= text.size() || *stop != end) return std::nullopt;
  text.remove_prefix(used + 1);
  return number;
}

std::optional<std::string_view> take_until(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at + 1);
  return taken;
}

}  // namespace

void Latest::fold(std::int64_t ts, std::int64_t offset, std::string_view metrics) {
  for_each_metric(metrics, [&](std::string_view name, std::string_view value) {
    put(name, value, ts, offset);
  });
  offset_ = std::max(offset_, offset);
}

void Latest::put(std::string_view name, std::string_view value, std::int64_t ts,
                 std::int64_t offset) {
  if (!values_) values_ = std::vector<Value>();
  const auto place = std::ranges::lower_bound(*values_, name, {}, &Value::name);
  if (place != values_->end() && place->name == name) {
    if (std::pair(ts, offset) < std::pair(place->ts, place->offset)) return;
    place->value.assign(value);
    place->ts = ts;
    place->offset = offset;
    return;
  }
  values_->insert(place, Value{std::string(name), std::string(value), ts, offset});
  if (values_->size() > kMaxMetrics) drop_oldest();
}

void Latest::drop_oldest() {
  values_->erase(std::ranges::min_element(
      *values_, {}, [](const Value& value) { return std::pair(value.ts, value.offset); }));
}

void Latest::write_json(std::string& out, std::span<const std::string> names) const {
  out.push_back('{');
  bool is_first = true;
  for (const Value& value : values()) {
    if (!names.empty() && !std::ranges::binary_search(names, value.name)) continue;
    fmt::format_to(std::back_inserter(out), R"({}"{}":{{"value":{},"ts":{}}})", is_first ? "" : ",",
                   value.name, value.value, value.ts);
    is_first = false;
  }
  out.push_back('}');
}

void Latest::write_checkpoint(std::string& out) const {
  fmt::format_to(std::back_inserter(out), "{}\n", offset_);
  for (const Value& value : values()) {
    fmt::format_to(std::back_inserter(out), "{} {} {} {}\n", value.ts, value.offset, value.name,
                   value.value);
  }
}

bool Latest::restore(std::string_view text) {
  values_.reset();
  offset_ = 0;
  const auto offset = take_number(text, '\n');
  while (offset && !text.empty()) {
    const auto ts = take_number(text, ' ');
    const auto sample = ts ? take_number(text, ' ') : std::nullopt;
    const auto name = sample ? take_until(text, ' ') : std::nullopt;
    const auto value = name ? take_until(text, '\n') : std::nullopt;
    if (!value) {
      values_.reset();
      return false;
    }
    put(*name, *value, *ts, *sample);
  }
  offset_ = offset.value_or(0);
  return offset.has_value();
}

}  // namespace fairlead::telemetry
