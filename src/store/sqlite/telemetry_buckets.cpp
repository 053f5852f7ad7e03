#include <algorithm>
#include <limits>
#include <map>
#include <ranges>
#include <span>
#include <utility>

#include "store/backend.h"
#include "store/bucket_fold.h"
#include "store/sqlite/rollups.h"
#include "store/sqlite/telemetry_history.h"
#include "telemetry/flat_metrics.h"

namespace fairlead::store::sqlite {
namespace {

constexpr std::size_t kRowsAtOnce = 4096;
constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

/// The longest length of aggregates that buckets of this length can be made of; 0: none.
std::int64_t length_for(std::int64_t bucket_ms) {
  for (const std::int64_t length : {kRollupDayMs, kHourMs, kMinuteMs}) {
    if (bucket_ms % length == 0) return length;
  }
  return 0;
}

std::int64_t finer(std::int64_t length) {
  if (length == kRollupDayMs) return kHourMs;
  return length == kHourMs ? kMinuteMs : 0;
}

std::int64_t add_bounded(std::int64_t ts, std::int64_t span) {
  return ts > kEnd - span ? kEnd : ts + span;
}

/// The first multiple of `length` at or behind `ts`.
std::int64_t round_up(std::int64_t ts, std::int64_t length) {
  const std::int64_t down = telemetry::bucket_of(ts, length);
  return down == ts ? ts : add_bounded(down, length);
}

}  // namespace

struct TelemetryHistory::BucketWork {
  const telemetry::BucketRange& range;
  const View view;
  /// Up to this segment the index has hours and days.
  std::int64_t last_whole = 0;
  /// What sealed segments have of the device, by segment.
  std::vector<DeviceExtent> sealed{};
  /// Those of the device's metrics that are wanted and that the index knows.
  std::vector<std::string> metrics{};
  std::map<std::int64_t, telemetry::Bucket> buckets{};

  telemetry::Bucket& bucket_at(std::int64_t ts) {
    const std::int64_t begin = telemetry::bucket_of(ts, range.bucket_ms);
    telemetry::Bucket& bucket = buckets[begin];
    bucket.ts = begin;
    return bucket;
  }
  void add(const telemetry::Sample& sample) {
    telemetry::for_each_metric(sample.metrics, [&](std::string_view name, std::string_view value) {
      if (!range.wants(name)) return;
      bucket_at(sample.ts).of(name).add({.ts = sample.ts, .offset = sample.offset}, value);
    });
  }
  telemetry::Range rows(std::int64_t from, std::int64_t to) const {
    telemetry::Range wanted;
    wanted.device = range.device;
    wanted.from_ts = from;
    wanted.to_ts = to;
    wanted.limit = kRowsAtOnce;
    return wanted;
  }
};

/// The index is in a transaction that began behind the view: what is sealed there is whole in the
/// index. A segment that the index has already and the view still shows as open is taken from one
/// of them only.
Result<TelemetryHistory::BucketWork> TelemetryHistory::begin_buckets(
    const telemetry::BucketRange& range, View view) {
  BucketWork work{.range = range, .view = std::move(view)};
  const auto last = index_->last_whole();
  if (!last) return std::unexpected(last.error());
  work.last_whole = *last;
  auto extents = index_->extents(range.device);
  if (!extents) return std::unexpected(std::move(extents.error()));
  work.sealed = std::move(*extents);
  std::erase_if(work.sealed, [&work](const DeviceExtent& extent) {
    return work.view->find_sealed(extent.segment) == nullptr;
  });
  auto metrics = index_->rollups().metrics(range.device, kHourMs);
  if (!metrics) return std::unexpected(std::move(metrics.error()));
  work.metrics = std::move(*metrics);
  std::erase_if(work.metrics, [&range](const std::string& name) { return !range.wants(name); });
  return work;
}

Result<telemetry::BucketPage> TelemetryHistory::read_buckets(const telemetry::BucketRange& range) {
  const std::int64_t length = length_for(range.bucket_ms);
  View now = view();
  if (length == 0 || now->sealed.empty()) {
    return fold_buckets(range, [this](const telemetry::Range& rows) { return read(rows); });
  }
  const auto opened = index();
  if (!opened) return std::unexpected(opened.error());
  const ReadTransaction at_once((*opened)->database());
  auto work = begin_buckets(range, std::move(now));
  if (!work) return std::unexpected(std::move(work.error()));
  telemetry::BucketPage page;
  std::size_t bytes = 0;
  std::int64_t low = range.from_ts;
  std::int64_t high = range.to_ts;
  if (range.after && range.is_descending) high = std::min(high, *range.after);
  if (range.after && !range.is_descending) {
    low = std::max(low, add_bounded(*range.after, range.bucket_ms));
  }
  while (low < high && page.buckets.size() <= range.limit && bytes < kMaxPageBytes) {
    const auto next = next_ts(*work, range.is_descending ? high - 1 : low);
    if (!next) return std::unexpected(next.error());
    if (!*next || **next < low || **next >= high) break;
    const auto count = static_cast<std::int64_t>(range.limit + 1 - page.buckets.size());
    const std::int64_t span = range.bucket_ms > kEnd / count ? kEnd : range.bucket_ms * count;
    const std::int64_t begin = telemetry::bucket_of(**next, range.bucket_ms);
    std::int64_t from = std::max(low, begin);
    std::int64_t to = std::min(high, add_bounded(begin, span));
    if (range.is_descending) {
      to = std::min(high, add_bounded(begin, range.bucket_ms));
      from = std::max(low, to > span ? round_up(to, range.bucket_ms) - span : 0);
      high = from;
    } else {
      low = to;
    }
    work->buckets.clear();
    if (auto done = collect(*work, from, to, length); !done) {
      return std::unexpected(std::move(done.error()));
    }
    const auto take = [&](telemetry::Bucket& bucket) {
      for (const auto& [name, aggregate] : bucket.metrics) bytes += sizeof(aggregate) + name.size();
      page.buckets.push_back(std::move(bucket));
    };
    if (range.is_descending) {
      for (auto& each : std::ranges::reverse_view(work->buckets)) take(each.second);
    } else {
      for (auto& each : work->buckets) take(each.second);
    }
  }
  page.has_more = page.buckets.size() > range.limit || (low < high && bytes >= kMaxPageBytes);
  if (page.buckets.size() > range.limit) page.buckets.resize(range.limit);
  return page;
}

Result<std::optional<std::int64_t>> TelemetryHistory::next_ts(const BucketWork& work,
                                                              std::int64_t ts) {
  const bool is_descending = work.range.is_descending;
  std::optional<std::int64_t> nearest;
  const auto offer = [&](std::int64_t found) {
    if (!nearest) nearest = found;
    nearest = is_descending ? std::max(*nearest, found) : std::min(*nearest, found);
  };
  telemetry::Range one =
      work.rows(is_descending ? 0 : ts, is_descending ? add_bounded(ts, 1) : kEnd);
  one.is_descending = is_descending;
  one.limit = 1;
  const auto page = read(one);
  if (!page) return std::unexpected(page.error());
  if (!page->samples.empty()) offer(page->samples.front().ts);
  // Samples that are too old are gone; what they came to is not.
  for (const std::string& metric : work.metrics) {
    const auto hour = index_->rollups().nearest(work.range.device, kHourMs, metric,
                                                telemetry::bucket_of(ts, kHourMs), is_descending);
    if (!hour) return std::unexpected(hour.error());
    if (*hour) offer(is_descending ? std::min(ts, **hour + kHourMs - 1) : std::max(ts, **hour));
  }
  return nearest;
}

Result<void> TelemetryHistory::collect(BucketWork& work, std::int64_t from, std::int64_t to,
                                       std::int64_t length) {
  if (from >= to) return {};
  if (length == 0) return collect_sealed(work, from, to, 0);
  const std::int64_t inner_from = round_up(from, length);
  const std::int64_t inner_to = telemetry::bucket_of(to, length);
  if (inner_from >= inner_to) return collect(work, from, to, finer(length));
  if (auto done = collect(work, from, inner_from, finer(length)); !done) return done;
  Result<void> done = length == kMinuteMs ? collect_sealed(work, inner_from, inner_to, length)
                                          : collect_index(work, inner_from, inner_to, length);
  if (!done) return done;
  return collect(work, inner_to, to, finer(length));
}

Result<void> TelemetryHistory::collect_index(BucketWork& work, std::int64_t from, std::int64_t to,
                                             std::int64_t length) {
  for (const std::string& metric : work.metrics) {
    const Result<void> read = index_->rollups().for_each(
        work.range.device, length, metric, from, to,
        [&work](std::string_view name, std::int64_t bucket, const telemetry::Aggregate& aggregate) {
          work.bucket_at(bucket).of(name).merge(aggregate);
        });
    if (!read) return read;
  }
  for (const auto& open : work.view->open) {
    if (open->id() <= work.last_whole) continue;
    if (auto done = collect_open(work, *open, from, to); !done) return done;
  }
  return {};
}

/// `length` is that of minutes, or 0 for samples only.
Result<void> TelemetryHistory::collect_sealed(BucketWork& work, std::int64_t from, std::int64_t to,
                                              std::int64_t length) {
  for (const DeviceExtent& extent : work.sealed) {
    if (extent.max_ts < from || extent.min_ts >= to) continue;
    if (length == 0 || !extent.has_minutes) {
      if (auto done = collect_rows(work, extent, from, to); !done) return done;
      continue;
    }
    const auto sealed = reader(extent.segment);
    if (!sealed) return std::unexpected(sealed.error());
    RollupTable& rollups = (*sealed)->rollups();
    const auto metrics = rollups.metrics(work.range.device, length);
    if (!metrics) return std::unexpected(metrics.error());
    for (const std::string& metric : *metrics) {
      if (!work.range.wants(metric)) continue;
      const Result<void> read = rollups.for_each(work.range.device, length, metric, from, to,
                                                 [&work](std::string_view name, std::int64_t bucket,
                                                         const telemetry::Aggregate& aggregate) {
                                                   work.bucket_at(bucket).of(name).merge(aggregate);
                                                 });
      if (!read) return read;
    }
  }
  for (const auto& open : work.view->open) {
    if (auto done = collect_open(work, *open, from, to); !done) return done;
  }
  return {};
}

Result<void> TelemetryHistory::collect_rows(BucketWork& work, const DeviceExtent& extent,
                                            std::int64_t from, std::int64_t to) {
  const auto sealed = reader(extent.segment);
  if (!sealed) return std::unexpected(sealed.error());
  telemetry::Range range = work.rows(from, to);
  while (true) {
    const auto page = (*sealed)->read(range, extent, range.limit);
    if (!page) return std::unexpected(page.error());
    for (const telemetry::Sample& sample : page->samples) work.add(sample);
    if (!page->has_more || page->samples.empty()) return {};
    range.after = {.ts = page->samples.back().ts, .offset = page->samples.back().offset};
  }
}

Result<void> TelemetryHistory::collect_open(BucketWork& work, const OpenSegment& segment,
                                            std::int64_t from, std::int64_t to) {
  const auto places =
      segment.places_in(work.rows(from, to), std::numeric_limits<std::size_t>::max());
  std::span<const OpenSegment::Place> rest(places);
  while (!rest.empty()) {
    const auto some = rest.first(std::min(rest.size(), kRowsAtOnce));
    const auto page = read_open(segment, {some.begin(), some.end()}, kRowsAtOnce);
    if (!page) return std::unexpected(page.error());
    if (page->samples.empty()) return {};
    for (const telemetry::Sample& sample : page->samples) work.add(sample);
    rest = rest.subspan(page->samples.size());
  }
  return {};
}

}  // namespace fairlead::store::sqlite
