#include "store/sqlite/rollups.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "telemetry/flat_metrics.h"

namespace fairlead::store::sqlite {
namespace {

/// Buckets of one length that are held in memory; late samples may bring a bucket twice.
constexpr std::size_t kMostBuckets = 256;
constexpr std::int64_t kLeastInAMinute = 4;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS rollups (device INTEGER NOT NULL, length INTEGER NOT NULL, "
    "metric TEXT NOT NULL, bucket INTEGER NOT NULL, count INTEGER NOT NULL CHECK (count > 0), "
    "numbers INTEGER NOT NULL CHECK (numbers BETWEEN 0 AND count), sum REAL NOT NULL, min TEXT, "
    "max TEXT, first_ts INTEGER NOT NULL, first_offset INTEGER NOT NULL, first TEXT NOT NULL, "
    "last_ts INTEGER NOT NULL, last_offset INTEGER NOT NULL, last TEXT NOT NULL, "
    "PRIMARY KEY (device, length, metric, bucket)) STRICT, WITHOUT ROWID;";
constexpr const char* kInsert =
    "INSERT INTO rollups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
    "ON CONFLICT DO NOTHING RETURNING 1";
constexpr const char* kReplace =
    "INSERT OR REPLACE INTO rollups "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
constexpr const char* kFind =
    "SELECT count, numbers, sum, min, max, first_ts, first_offset, first, last_ts, last_offset, "
    "last FROM rollups WHERE device = ?1 AND length = ?2 AND metric = ?3 AND bucket = ?4";
constexpr const char* kForget = "DELETE FROM rollups WHERE device = ?1";
constexpr const char* kNextMetric =
    "SELECT metric FROM rollups WHERE device = ?1 AND length = ?2 AND metric > ?3 "
    "ORDER BY metric LIMIT 1";
constexpr const char* kBetween =
    "SELECT count, numbers, sum, min, max, first_ts, first_offset, first, last_ts, last_offset, "
    "last, bucket FROM rollups WHERE device = ?1 AND length = ?2 AND metric = ?3 "
    "AND bucket >= ?4 AND bucket < ?5 ORDER BY bucket";
constexpr const char* kAtOrBehind =
    "SELECT bucket FROM rollups WHERE device = ?1 AND length = ?2 AND metric = ?3 "
    "AND bucket >= ?4 ORDER BY bucket LIMIT 1";
constexpr const char* kAtOrBefore =
    "SELECT bucket FROM rollups WHERE device = ?1 AND length = ?2 AND metric = ?3 "
    "AND bucket <= ?4 ORDER BY bucket DESC LIMIT 1";

/// Of a row that begins with the columns of kFind.
telemetry::Aggregate aggregate_of(const Rows& rows) {
  telemetry::Aggregate aggregate;
  aggregate.count = rows.integer(0);
  aggregate.numbers = rows.integer(1);
  aggregate.sum = rows.real(2);
  if (aggregate.numbers > 0) {
    aggregate.min_json = rows.text(3);
    aggregate.max_json = rows.text(4);
    aggregate.min = telemetry::number_in(aggregate.min_json).value_or(0);
    aggregate.max = telemetry::number_in(aggregate.max_json).value_or(0);
  }
  aggregate.first_at = {.ts = rows.integer(5), .offset = rows.integer(6)};
  aggregate.first = rows.text(7);
  aggregate.last_at = {.ts = rows.integer(8), .offset = rows.integer(9)};
  aggregate.last = rows.text(10);
  return aggregate;
}

std::optional<std::string_view> text_or_null(const telemetry::Aggregate& aggregate,
                                             const std::string& json) {
  return aggregate.numbers > 0 ? std::optional<std::string_view>(json) : std::nullopt;
}

/// Where that metric stands, made when there was none.
std::size_t place_in(telemetry::Bucket& bucket, std::string_view metric) {
  bucket.of(metric);
  const auto at = std::ranges::lower_bound(
      bucket.metrics, metric, {}, [](const auto& each) { return std::string_view(each.first); });
  return static_cast<std::size_t>(at - bucket.metrics.begin());
}

}  // namespace

RollupTable::RollupTable(Database& database)
    : insert_(database, kInsert),
      replace_(database, kReplace),
      find_(database, kFind),
      forget_(database, kForget),
      next_metric_(database, kNextMetric),
      between_(database, kBetween),
      at_or_behind_(database, kAtOrBehind),
      at_or_before_(database, kAtOrBefore) {}

const char* RollupTable::schema() { return kSchema; }

Result<void> RollupTable::merge(protocol::DeviceKey device, std::int64_t length,
                                std::string_view metric, std::int64_t bucket,
                                const telemetry::Aggregate& aggregate) {
  const auto with = [&](const telemetry::Aggregate& value, auto&& use) {
    return use(device, length, metric, bucket, value.count, value.numbers, value.sum,
               text_or_null(value, value.min_json), text_or_null(value, value.max_json),
               value.first_at.ts, value.first_at.offset, value.first, value.last_at.ts,
               value.last_at.offset, value.last);
  };
  {
    Rows rows = with(aggregate, [this](const auto&... values) { return insert_.query(values...); });
    const Result<bool> is_new = rows.next();
    if (!is_new) return std::unexpected(is_new.error());
    if (*is_new) return {};
  }
  telemetry::Aggregate merged;
  {
    Rows rows = find_.query(device, length, metric, bucket);
    const Result<bool> found = rows.next();
    if (!found) return std::unexpected(found.error());
    merged = aggregate_of(rows);
  }
  merged.merge(aggregate);
  return with(merged, [this](const auto&... values) { return replace_.run(values...); });
}

Result<void> RollupTable::forget(protocol::DeviceKey device) { return forget_.run(device); }

Result<std::vector<std::string>> RollupTable::metrics(protocol::DeviceKey device,
                                                      std::int64_t length) {
  std::vector<std::string> found;
  std::string last;
  while (true) {
    Rows rows = next_metric_.query(device, length, last);
    const Result<bool> more = rows.next();
    if (!more) return std::unexpected(more.error());
    if (!*more) return found;
    last = rows.text(0);
    found.push_back(last);
  }
}

Result<void> RollupTable::for_each(protocol::DeviceKey device, std::int64_t length,
                                   const std::string& metric, std::int64_t from, std::int64_t to,
                                   const Each& each) {
  Rows rows = between_.query(device, length, metric, from, to);
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) each(metric, rows.integer(11), aggregate_of(rows));
  if (!more) return std::unexpected(std::move(more.error()));
  return {};
}

Result<std::optional<std::int64_t>> RollupTable::nearest(protocol::DeviceKey device,
                                                         std::int64_t length,
                                                         const std::string& metric, std::int64_t at,
                                                         bool is_descending) {
  Statement& statement = is_descending ? at_or_before_ : at_or_behind_;
  Rows rows = statement.query(device, length, metric, at);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  return *found ? std::optional(rows.integer(0)) : std::nullopt;
}

// ---- RollupBuilder ------------------------------------------------------------------------------

bool RollupBuilder::has_minutes(const DeviceExtent& extent) {
  const std::int64_t minutes = (extent.max_ts - extent.min_ts) / kMinuteMs + 1;
  return extent.last_offset - extent.first_offset + 1 >= kLeastInAMinute * minutes;
}

telemetry::Bucket& RollupBuilder::bucket_at(std::int64_t ts) {
  const std::int64_t length = keeps_minutes_ ? kMinuteMs : kHourMs;
  const std::int64_t begin = telemetry::bucket_of(ts, length);
  if (bucket_ == nullptr || bucket_->ts != begin) {
    bucket_ = &(keeps_minutes_ ? minutes_ : hours_)[begin];
    bucket_->ts = begin;
  }
  return *bucket_;
}

Result<void> RollupBuilder::add(const telemetry::SampleView& sample) {
  telemetry::Bucket& bucket = bucket_at(sample.ts);
  const telemetry::Position at{.ts = sample.ts, .offset = sample.offset};
  std::size_t number = 0;
  telemetry::for_each_metric(sample.metrics, [&](std::string_view name, std::string_view value) {
    if (number == places_.size()) places_.push_back(0);
    std::size_t& place = places_[number++];
    if (place >= bucket.metrics.size() || bucket.metrics[place].first != name) {
      place = place_in(bucket, name);
    }
    bucket.metrics[place].second.add(at, value);
  });
  const std::size_t held = keeps_minutes_ ? minutes_.size() : hours_.size();
  if (held <= kMostBuckets) return {};
  return keeps_minutes_ ? flush_minutes() : flush_hours();
}

Result<void> RollupBuilder::finish() {
  if (auto done = flush_minutes(); !done) return done;
  return flush_hours();
}

Result<void> RollupBuilder::flush_minutes() {
  for (const auto& [begin, minute] : minutes_) {
    const std::int64_t hour_begin = telemetry::bucket_of(begin, kHourMs);
    telemetry::Bucket& hour = hours_[hour_begin];
    hour.ts = hour_begin;
    for (const auto& [metric, aggregate] : minute.metrics) hour.of(metric).merge(aggregate);
  }
  if (auto done = flush(minutes_, kMinuteMs); !done) return done;
  if (hours_.size() <= kMostBuckets) return {};
  return flush_hours();
}

Result<void> RollupBuilder::flush_hours() {
  for (const auto& [begin, hour] : hours_) {
    for (const auto& [metric, aggregate] : hour.metrics) {
      const telemetry::Position& at = aggregate.last_at;
      latest_.fold(at.ts, at.offset, fmt::format(R"({{"{}":{}}})", metric, aggregate.last));
    }
  }
  return flush(hours_, kHourMs);
}

Result<void> RollupBuilder::flush(Buckets& buckets, std::int64_t length) {
  for (const auto& [begin, bucket] : buckets) {
    for (const auto& [metric, aggregate] : bucket.metrics) {
      if (auto done = table_.merge(device_, length, metric, begin, aggregate); !done) return done;
    }
  }
  buckets.clear();
  bucket_ = nullptr;
  return {};
}

}  // namespace fairlead::store::sqlite
