#include "store/sqlite/telemetry.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "store/page.h"

namespace fairlead::store::sqlite {
namespace {

constexpr const char* kInsert =
    "INSERT INTO telemetry_data (device, offset, ts, at, seq, metrics) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
constexpr const char* kSaveProgress =
    "INSERT INTO telemetry_progress (device, offset, epoch, last_seq, last_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (device) DO UPDATE SET "
    "offset = excluded.offset, epoch = excluded.epoch, last_seq = excluded.last_seq, "
    "last_at = excluded.last_at";
constexpr const char* kSaveLatest =
    "INSERT INTO telemetry_latest (device, checkpoint) VALUES (?1, ?2) "
    "ON CONFLICT (device) DO UPDATE SET checkpoint = excluded.checkpoint";
constexpr const char* kRemove = "DELETE FROM telemetry_data WHERE device = ?1";
// The row values make each of these one walk along the index, from the first row wanted on.
constexpr const char* kReadUp =
    "SELECT offset, ts, at, seq, metrics FROM telemetry_data INDEXED BY telemetry_data_by_ts "
    "WHERE device = ?1 AND (ts, offset) > (?2, ?3) AND ts < ?4 ORDER BY ts, offset LIMIT ?5";
constexpr const char* kReadDown =
    "SELECT offset, ts, at, seq, metrics FROM telemetry_data INDEXED BY telemetry_data_by_ts "
    "WHERE device = ?1 AND (ts, offset) < (?2, ?3) AND ts >= ?4 "
    "ORDER BY ts DESC, offset DESC LIMIT ?5";
constexpr const char* kReadFrom =
    "SELECT offset, ts, at, seq, metrics FROM telemetry_data "
    "WHERE device = ?1 AND offset >= ?2 ORDER BY offset LIMIT ?3";
constexpr const char* kRowFrom =
    "SELECT offset, at FROM telemetry_data WHERE device = ?1 AND offset >= ?2 "
    "ORDER BY offset LIMIT 1";
constexpr const char* kLastOffset =
    "SELECT offset FROM telemetry_data WHERE device = ?1 ORDER BY offset DESC LIMIT 1";
constexpr const char* kLoadProgress =
    "SELECT offset, epoch, last_seq, last_at FROM telemetry_progress WHERE device = ?1";
constexpr const char* kLoadLatest = "SELECT checkpoint FROM telemetry_latest WHERE device = ?1";
constexpr const char* kSamplesAbove =
    "SELECT offset, ts, metrics FROM telemetry_data WHERE device = ?1 AND offset > ?2 "
    "ORDER BY offset";

/// One more than asked for tells whether there are more.
std::int64_t limit_and_one(std::size_t limit) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int64_t>(std::min(limit, kMost)) + 1;
}

/// Rows of (offset, ts, at, seq, metrics).
Result<telemetry::Page> fill_page(Rows& rows, std::size_t limit) {
  PageBuilder page(limit);
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    const std::string_view metrics = rows.view(4);
    if (!page.takes(metrics.size())) break;
    page.add({.offset = rows.integer(0),
              .ts = rows.integer(1),
              .at = rows.integer(2),
              .seq = rows.integer(3),
              .metrics = std::string(metrics)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return page.take();
}

}  // namespace

Telemetry::Telemetry(Database& database)
    : insert_(database, kInsert),
      save_progress_(database, kSaveProgress),
      save_latest_(database, kSaveLatest),
      remove_(database, kRemove),
      read_up_(database, kReadUp),
      read_down_(database, kReadDown),
      read_from_(database, kReadFrom),
      row_from_(database, kRowFrom),
      last_offset_(database, kLastOffset),
      load_progress_(database, kLoadProgress),
      load_latest_(database, kLoadLatest),
      samples_above_(database, kSamplesAbove) {}

Result<void> Telemetry::append(const telemetry::SampleBlock& block) {
  for (const telemetry::SampleBlock::Part& part : block.parts()) {
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const telemetry::SampleView sample = block.sample(i);
      const Result<void> stored =
          insert_.run(part.device, sample.offset, sample.ts, sample.at, sample.seq, sample.metrics);
      if (!stored) return stored;
    }
    progress_[part.device] = {.block = &block, .part = &part};
  }
  for (const telemetry::SampleBlock::Checkpoint& checkpoint : block.checkpoints()) {
    if (auto saved = save_latest_.run(checkpoint.device, block.text(checkpoint)); !saved)
      return saved;
  }
  return {};
}

Result<void> Telemetry::remove(protocol::DeviceKey device) {
  progress_.erase(device);
  return remove_.run(device);
}

Result<void> Telemetry::flush() {
  for (const auto& [device, last] : progress_) {
    const Result<void> saved =
        save_progress_.run(device, last.part->offset, last.block->epoch(*last.part),
                           last.part->last_seq, last.part->last_at);
    if (!saved) return saved;
  }
  progress_.clear();
  return {};
}

Result<telemetry::Page> Telemetry::read(const telemetry::Range& range) {
  // Offsets begin at 1, so 0 stands before all samples of a time.
  std::pair start(range.is_descending ? range.to_ts : range.from_ts, std::int64_t{0});
  if (range.after) {
    const std::pair after(range.after->ts, range.after->offset);
    start = range.is_descending ? std::min(start, after) : std::max(start, after);
  }
  Statement& statement = range.is_descending ? read_down_ : read_up_;
  Rows rows = statement.query(range.device, start.first, start.second,
                              range.is_descending ? range.from_ts : range.to_ts,
                              limit_and_one(range.limit));
  return fill_page(rows, range.limit);
}

Result<telemetry::Page> Telemetry::read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                             std::size_t limit) {
  Rows rows = read_from_.query(device, first_offset, limit_and_one(limit));
  return fill_page(rows, limit);
}

Result<Telemetry::Row> Telemetry::row_from(protocol::DeviceKey device, std::int64_t offset) {
  Rows rows = row_from_.query(device, offset);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (!*found) return Row{};
  return Row{.offset = rows.integer(0), .at = rows.integer(1)};
}

/// Halves the stretch in which the answer lies: `at` does not fall as offsets rise.
Result<std::int64_t> Telemetry::first_since(protocol::DeviceKey device, std::int64_t since) {
  std::int64_t last = 0;
  {
    Rows rows = last_offset_.query(device);
    const Result<bool> found = rows.next();
    if (!found) return std::unexpected(found.error());
    if (*found) last = rows.integer(0);
  }
  std::int64_t low = 1;
  std::int64_t answer = 0;
  while (low <= last) {
    const std::int64_t middle = low + (last - low) / 2;
    const Result<Row> row = row_from(device, middle);
    if (!row) return std::unexpected(row.error());
    if (row->offset == 0 || row->at >= since) {
      if (row->offset != 0) answer = row->offset;
      last = middle - 1;
    } else {
      low = row->offset + 1;
    }
  }
  return answer;
}

Result<telemetry::Progress> Telemetry::progress(protocol::DeviceKey device) {
  Rows rows = load_progress_.query(device);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (!*found) return telemetry::Progress{};
  return telemetry::Progress{.offset = rows.integer(0),
                             .epoch = rows.optional_text(1),
                             .last_seq = rows.integer(2),
                             .last_at = rows.integer(3)};
}

Result<telemetry::Latest> Telemetry::latest(protocol::DeviceKey device) {
  telemetry::Latest latest;
  {
    Rows rows = load_latest_.query(device);
    const Result<bool> found = rows.next();
    if (!found) return std::unexpected(found.error());
    // One that cannot be read is made again from all samples.
    if (*found && !latest.restore(rows.view(0))) latest = {};
  }
  Rows rows = samples_above_.query(device, latest.offset());
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    latest.fold(rows.integer(1), rows.integer(0), rows.view(2));
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return latest;
}

}  // namespace fairlead::store::sqlite
