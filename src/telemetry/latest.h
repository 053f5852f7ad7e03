#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rare.h"

namespace fairlead::telemetry {

/// The newest value of each metric of one device, newest by (ts, offset). A value.
class Latest {
 public:
  /// At most this many metrics are kept; beyond, the one with the oldest sample gives way.
  static constexpr std::size_t kMaxMetrics = 1024;

  /// Takes in one stored sample; `metrics` is the JSON text of a valid `metrics` object.
  void fold(std::int64_t ts, std::int64_t offset, std::string_view metrics);

  /// Appends `{name:{"value":…,"ts":…},…}`, by name; only `names` (sorted) when that is not empty.
  void write_json(std::string& out, std::span<const std::string> names = {}) const;

  /// Highest offset taken in; 0 before the first.
  std::int64_t offset() const { return offset_; }
  bool is_empty() const { return !values_; }

  /// Appends a text that restore() understands, to be stored.
  void write_checkpoint(std::string& out) const;
  /// False when `text` is not a checkpoint; the object is then empty.
  bool restore(std::string_view text);

 private:
  struct Value {
    std::string name;
    /// JSON text.
    std::string value;
    std::int64_t ts = 0;
    std::int64_t offset = 0;
  };
  void put(std::string_view name, std::string_view value, std::int64_t ts, std::int64_t offset);
  void drop_oldest();
  std::span<const Value> values() const {
    return values_ ? std::span<const Value>(*values_) : std::span<const Value>();
  }

  /// Sorted by name; none before the first.
  Rare<std::vector<Value>> values_;
  std::int64_t offset_ = 0;
};

}  // namespace fairlead::telemetry
