#include "store/bucket_fold.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "store/backend.h"
#include "telemetry/flat_metrics.h"

namespace fairlead::store {
namespace {

constexpr std::size_t kSamplesAtOnce = 10'000;

}  // namespace

BucketFold::BucketFold(const telemetry::BucketRange& range) : range_(range) {
  samples_.device = range.device;
  samples_.from_ts = range.from_ts;
  samples_.to_ts = range.to_ts;
  samples_.is_descending = range.is_descending;
  samples_.limit = kSamplesAtOnce;
  if (!range.after) return;
  if (range.is_descending) {
    samples_.to_ts = std::min(samples_.to_ts, *range.after);
  } else if (*range.after > std::numeric_limits<std::int64_t>::max() - range.bucket_ms) {
    samples_.to_ts = samples_.from_ts;
  } else {
    samples_.from_ts = std::max(samples_.from_ts, *range.after + range.bucket_ms);
  }
}

telemetry::Range BucketFold::next() const { return samples_; }

bool BucketFold::has_room() const {
  const std::size_t count = page_.buckets.size();
  return count < range_.limit && (count == 0 || bytes_ < kMaxPageBytes);
}

bool BucketFold::take(const telemetry::Page& page) {
  for (const telemetry::Sample& sample : page.samples) {
    if (!add(sample)) {
      page_.has_more = true;
      return false;
    }
    samples_.after = {.ts = sample.ts, .offset = sample.offset};
  }
  return page.has_more;
}

/// False when it belongs to a bucket that does not fit any more.
bool BucketFold::add(const telemetry::Sample& sample) {
  const std::int64_t begin = telemetry::bucket_of(sample.ts, range_.bucket_ms);
  bool is_refused = false;
  telemetry::for_each_metric(sample.metrics, [&](std::string_view name, std::string_view value) {
    if (is_refused || !range_.wants(name)) return;
    if (page_.buckets.empty() || page_.buckets.back().ts != begin) {
      is_refused = !has_room();
      if (is_refused) return;
      page_.buckets.push_back({.ts = begin, .metrics = {}});
    }
    telemetry::Aggregate& metric = page_.buckets.back().of(name);
    if (metric.count == 0) bytes_ += sizeof(metric) + name.size();
    metric.add({.ts = sample.ts, .offset = sample.offset}, value);
  });
  return !is_refused;
}

Result<telemetry::BucketPage> fold_buckets(
    const telemetry::BucketRange& range,
    const std::function<Result<telemetry::Page>(const telemetry::Range&)>& read) {
  BucketFold fold(range);
  bool wants_more = true;
  while (wants_more) {
    const auto page = read(fold.next());
    if (!page) return std::unexpected(page.error());
    wants_more = fold.take(*page);
  }
  return fold.finish();
}

}  // namespace fairlead::store
