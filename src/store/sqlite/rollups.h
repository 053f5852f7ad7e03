#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite/database.h"
#include "store/sqlite/segments.h"
#include "telemetry/buckets.h"
#include "telemetry/latest.h"
#include "telemetry/sample.h"

namespace fairlead::store::sqlite {

// Lengths of the buckets that are kept: minutes in each segment's file, hours and days of all
// sealed segments in the index (hours also in each file, to make the index again from).
inline constexpr std::int64_t kMinuteMs = 60'000;
inline constexpr std::int64_t kHourMs = 60 * kMinuteMs;
inline constexpr std::int64_t kRollupDayMs = 24 * kHourMs;

/// The table `rollups` of a database: aggregates by (device, length, metric, bucket). One thread.
class RollupTable {
 public:
  using Each = std::function<void(std::string_view metric, std::int64_t bucket,
                                  telemetry::Aggregate aggregate)>;

  explicit RollupTable(Database& database);
  /// Makes the table when there is none.
  static const char* schema();

  /// Adds to what is there.
  Result<void> merge(protocol::DeviceKey device, std::int64_t length, std::string_view metric,
                     std::int64_t bucket, const telemetry::Aggregate& aggregate);
  Result<void> forget(protocol::DeviceKey device);

  /// The metrics of a device, sorted.
  Result<std::vector<std::string>> metrics(protocol::DeviceKey device, std::int64_t length);
  /// Buckets that begin in [from, to), by time.
  Result<void> for_each(protocol::DeviceKey device, std::int64_t length, const std::string& metric,
                        std::int64_t from, std::int64_t to, const Each& each);
  /// The first bucket at or behind `at`, or the last one at or before it; nothing when none is.
  Result<std::optional<std::int64_t>> nearest(protocol::DeviceKey device, std::int64_t length,
                                              const std::string& metric, std::int64_t at,
                                              bool is_descending);

 private:
  Statement insert_;
  Statement replace_;
  Statement find_;
  Statement forget_;
  Statement next_metric_;
  Statement between_;
  Statement at_or_behind_;
  Statement at_or_before_;
};

/// Folds the samples of one device that a segment holds into minutes and hours, and these into the
/// device's newest values.
class RollupBuilder {
 public:
  /// Minutes are worth their place only where several samples fall into one.
  static bool has_minutes(const DeviceExtent& extent);

  RollupBuilder(RollupTable& table, protocol::DeviceKey device, bool keeps_minutes,
                telemetry::Latest& latest)
      : table_(table), device_(device), keeps_minutes_(keeps_minutes), latest_(latest) {}

  Result<void> add(const telemetry::SampleView& sample);
  /// Behind the last sample.
  Result<void> finish();

 private:
  using Buckets = std::map<std::int64_t, telemetry::Bucket>;

  telemetry::Bucket& bucket_at(std::int64_t ts);
  Result<void> flush_minutes();
  Result<void> flush_hours();
  Result<void> flush(Buckets& buckets, std::int64_t length);

  RollupTable& table_;
  const protocol::DeviceKey device_;
  const bool keeps_minutes_;
  telemetry::Latest& latest_;
  Buckets minutes_;
  Buckets hours_;
  /// Of the sample before, which most often is that of the next one; null where it is gone.
  telemetry::Bucket* bucket_ = nullptr;
  /// Where in its bucket each metric of the sample before stands, in the order of the sample.
  std::vector<std::size_t> places_;
};

}  // namespace fairlead::store::sqlite
