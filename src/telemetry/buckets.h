#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/device_ref.h"
#include "telemetry/aggregate.h"

namespace fairlead::telemetry {

/// The beginning of the bucket that holds `ts`: a multiple of `bucket_ms`, both not negative.
constexpr std::int64_t bucket_of(std::int64_t ts, std::int64_t bucket_ms) {
  return ts / bucket_ms * bucket_ms;
}

/// A stretch of a device's history in buckets.
struct BucketRange {
  protocol::DeviceKey device = 0;
  /// Samples from here on, inclusive, …
  std::int64_t from_ts = 0;
  /// … up to here, exclusive; what lies outside is in no bucket.
  std::int64_t to_ts = std::numeric_limits<std::int64_t>::max();
  std::int64_t bucket_ms = 0;
  bool is_descending = false;
  /// Begin with the bucket behind the one that begins here.
  std::optional<std::int64_t> after{};
  std::size_t limit = 100;
  /// Sorted; empty: all.
  std::vector<std::string> metrics{};

  bool wants(std::string_view metric) const {
    return metrics.empty() || std::ranges::binary_search(metrics, metric);
  }
};

/// The samples of [ts, ts + bucket_ms); there is at least one.
struct Bucket {
  std::int64_t ts = 0;
  /// By name.
  std::vector<std::pair<std::string, Aggregate>> metrics;

  /// That metric's, made when there was none.
  Aggregate& of(std::string_view metric) {
    const auto at = std::ranges::lower_bound(
        metrics, metric, {}, [](const auto& each) { return std::string_view(each.first); });
    if (at != metrics.end() && at->first == metric) return at->second;
    return metrics.emplace(at, std::string(metric), Aggregate())->second;
  }

  friend bool operator==(const Bucket&, const Bucket&) = default;
};

/// Buckets of one read, in the order asked for: at most the limit, fewer (but never none) when they
/// would take more than about 1 MiB.
struct BucketPage {
  std::vector<Bucket> buckets;
  bool has_more = false;
};

}  // namespace fairlead::telemetry
