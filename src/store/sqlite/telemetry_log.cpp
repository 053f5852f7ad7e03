#include "store/sqlite/telemetry_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "store/sqlite/data_directory.h"
#include "store/sqlite/segment_file.h"

namespace fairlead::store::sqlite {
namespace {

constexpr std::string_view kOpenPrefix = "telemetry_open_";
constexpr const char* kSaveProgress =
    "INSERT INTO telemetry_progress (device, offset, epoch, last_seq, last_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (device) DO UPDATE SET "
    "offset = excluded.offset, epoch = excluded.epoch, last_seq = excluded.last_seq, "
    "last_at = excluded.last_at";
// A device may have been removed since the samples were written. A checkpoint begins with its
// offset, and never gives way to an older one: a start has only the rows of open segments to go by.
constexpr const char* kSaveLatest =
    "INSERT INTO telemetry_latest (device, checkpoint) "
    "SELECT key, ?2 FROM devices WHERE key = ?1 "
    "ON CONFLICT (device) DO UPDATE SET checkpoint = excluded.checkpoint "
    "WHERE CAST(excluded.checkpoint AS INTEGER) >= CAST(telemetry_latest.checkpoint AS INTEGER)";
constexpr const char* kNoteRemoved = "INSERT OR IGNORE INTO removed_devices (key) VALUES (?1)";
constexpr const char* kForgetRemoved = "DELETE FROM removed_devices WHERE key = ?1";
constexpr const char* kRecord =
    "INSERT INTO telemetry_segments (id, rows, bytes, min_at, max_at) VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr const char* kForgetSegments = "DELETE FROM telemetry_segments WHERE id <= ?1";
constexpr const char* kRecorded =
    "SELECT id, rows, bytes, min_at, max_at FROM telemetry_segments ORDER BY id";
constexpr const char* kOpenTables =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'telemetry_open_*'";

std::string create_sql(std::int64_t segment) {
  return fmt::format(
      "CREATE TABLE {} (device INTEGER NOT NULL, offset INTEGER NOT NULL CHECK (offset > 0), "
      "ts INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL CHECK (seq >= 0), "
      "metrics TEXT NOT NULL) STRICT",
      OpenSegment::table_name(segment));
}

std::optional<std::int64_t> segment_in(std::string_view table) {
  if (!table.starts_with(kOpenPrefix)) return std::nullopt;
  const std::string_view digits = table.substr(kOpenPrefix.size());
  std::int64_t segment = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), segment);
  const bool is_whole = error == std::errc() && end == digits.data() + digits.size();
  return is_whole ? std::optional(segment) : std::nullopt;
}

}  // namespace

TelemetryLog::TelemetryLog(Database& database, Segments& segments, SegmentLimits limits)
    : database_(database),
      segments_(segments),
      limits_(limits),
      save_progress_(database, kSaveProgress),
      save_latest_(database, kSaveLatest),
      note_removed_(database, kNoteRemoved),
      forget_removed_(database, kForgetRemoved),
      record_(database, kRecord),
      forget_segments_(database, kForgetSegments) {}

// ---- a start ------------------------------------------------------------------------------------

Result<void> TelemetryLog::load() {
  SegmentView view;
  auto sealed = recorded();
  if (!sealed) return std::unexpected(std::move(sealed.error()));
  view.sealed = std::move(*sealed);
  if (auto done = check_files(view.sealed); !done) return done;
  const auto tables = open_tables();
  if (!tables) return std::unexpected(tables.error());
  for (const std::int64_t segment : *tables) {
    if (view.find_sealed(segment) != nullptr) {
      // Recorded as a file, and then the end came.
      if (auto done = drop_table(segment); !done) return done;
      continue;
    }
    auto open = index_of(segment);
    if (!open) return std::unexpected(std::move(open.error()));
    view.open.push_back(std::move(*open));
  }
  if (view.open.empty()) {
    return fail(Code::kInternal, "it is damaged: there is no table to append telemetry to");
  }
  const auto& last = view.open.back();
  const std::string sql = "SELECT max(rowid) FROM " + last->table();
  Statement count(database_, sql);
  Rows rows = count.query();
  if (const Result<bool> found = rows.next(); !found) return std::unexpected(found.error());
  const auto bytes = bytes_in(*last);
  if (!bytes) return std::unexpected(bytes.error());
  append_to(
      {.segment = last, .rows = static_cast<OpenSegment::Row>(rows.integer(0)), .bytes = *bytes});
  segments_.assign(std::move(view));
  return {};
}

Result<std::vector<SealedSegment>> TelemetryLog::recorded() {
  std::vector<SealedSegment> found;
  Statement statement(database_, kRecorded);
  Rows rows = statement.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.push_back({.id = rows.integer(0),
                     .rows = rows.integer(1),
                     .bytes = rows.integer(2),
                     .min_at = rows.integer(3),
                     .max_at = rows.integer(4)});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

Result<std::vector<std::int64_t>> TelemetryLog::open_tables() {
  std::vector<std::int64_t> found;
  Statement statement(database_, kOpenTables);
  Rows rows = statement.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    if (const auto segment = segment_in(rows.view(0))) found.push_back(*segment);
  }
  if (!more) return std::unexpected(std::move(more.error()));
  std::ranges::sort(found);
  return found;
}

/// Rows of removed devices stay in the table, and out of the index.
Result<std::shared_ptr<OpenSegment>> TelemetryLog::index_of(std::int64_t segment) {
  boost::unordered_flat_set<protocol::DeviceKey> known;
  {
    Statement keys(database_, "SELECT key FROM devices");
    Rows rows = keys.query();
    Result<bool> more = rows.next();
    for (; more && *more; more = rows.next()) known.insert(rows.integer(0));
    if (!more) return std::unexpected(std::move(more.error()));
  }
  auto open = std::make_shared<OpenSegment>(segment);
  const std::string sql = "SELECT rowid, device, offset, ts, at FROM " + open->table();
  Statement statement(database_, sql);
  Rows rows = statement.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    if (!known.contains(rows.integer(1))) continue;
    const auto added =
        open->add(rows.integer(1), {.offset = rows.integer(2),
                                    .ts = rows.integer(3),
                                    .row = static_cast<OpenSegment::Row>(rows.integer(0))});
    if (!added) return std::unexpected(added.error());
    open->note_arrival(rows.integer(4));
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return open;
}

Result<std::int64_t> TelemetryLog::bytes_in(const OpenSegment& segment) {
  const std::string sql = "SELECT sum(length(metrics)) FROM " + segment.table();
  Statement statement(database_, sql);
  Rows rows = statement.query();
  if (const Result<bool> found = rows.next(); !found) return std::unexpected(found.error());
  return rows.integer(0);
}

/// Every segment on record must be there; a file that is not on record was never part of anything.
Result<void> TelemetryLog::check_files(const std::vector<SealedSegment>& sealed) {
  std::error_code error;
  const std::filesystem::path& directory = segments_.directory();
  const bool is_new = std::filesystem::create_directories(directory, error);
  if (error) return fail(Code::kInternal, "{}: {}", directory.string(), error.message());
  if (is_new) {
    if (auto done = sync_directory(directory.parent_path()); !done) return done;
  }
  boost::unordered_flat_set<std::string> names;
  for (const SealedSegment& segment : sealed) {
    const std::filesystem::path file = segments_.file_of(segment.id);
    names.insert(file.filename().string());
    if (std::filesystem::file_size(file, error) == 0 || error) {
      return fail(Code::kInternal, "a part of its telemetry is missing: {}", file.string());
    }
    if (auto checked = check_header(file); !checked) {
      return fail(Code::kInternal, "{}: {}", file.string(), checked.error().message);
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    const bool is_segment = name.ends_with(".db") || name.ends_with(".db.new");
    if (is_segment && name != "index.db" && !names.contains(name)) {
      std::filesystem::remove(entry.path(), error);
    }
  }
  return {};
}

// ---- transactions -------------------------------------------------------------------------------

bool TelemetryLog::is_full() const {
  return tail_.rows > 0 && (tail_.rows >= limits_.rows || tail_.bytes >= limits_.bytes);
}

void TelemetryLog::append_to(Tail tail) {
  const bool is_other = tail_.segment != tail.segment;
  tail_ = std::move(tail);
  if (!is_other) return;
  insert_.reset();
  insert_sql_ = fmt::format(
      "INSERT INTO {} (rowid, device, offset, ts, at, seq, metrics) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      tail_.segment->table());
  insert_.emplace(database_, insert_sql_);
}

Result<void> TelemetryLog::roll() {
  if (!before_) before_ = tail_;
  const std::int64_t next = tail_.segment->id() + 1;
  if (auto done = database_.execute(create_sql(next)); !done) return done;
  append_to({.segment = std::make_shared<OpenSegment>(next)});
  begun_.push_back(tail_.segment);
  return {};
}

Result<void> TelemetryLog::append(const telemetry::SampleBlock& block) {
  if (!before_) before_ = tail_;
  if (is_full()) {
    if (auto done = roll(); !done) return done;
  }
  appended_.push_back({.segment = tail_.segment, .block = &block, .first = tail_.rows + 1});
  for (const telemetry::SampleBlock::Part& part : block.parts()) {
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const telemetry::SampleView sample = block.sample(i);
      tail_.rows += 1;
      tail_.bytes += static_cast<std::int64_t>(sample.metrics.size());
      const Result<void> stored = insert_->run(std::int64_t{tail_.rows}, part.device, sample.offset,
                                               sample.ts, sample.at, sample.seq, sample.metrics);
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

Result<void> TelemetryLog::remove(protocol::DeviceKey device) {
  progress_.erase(device);
  removed_.push_back(device);
  return note_removed_.run(device);
}

Result<void> TelemetryLog::flush() {
  for (const auto& [device, last] : progress_) {
    const Result<void> saved =
        save_progress_.run(device, last.part->offset, last.block->epoch(*last.part),
                           last.part->last_seq, last.part->last_at);
    if (!saved) return saved;
  }
  progress_.clear();
  return {};
}

Result<void> TelemetryLog::save_latest(const SaveLatest& newest) {
  for (const auto& [device, checkpoint] : newest.checkpoints) {
    if (auto saved = save_latest_.run(device, checkpoint); !saved) return saved;
  }
  return {};
}

Result<void> TelemetryLog::record(const SealedSegment& segment) {
  if (segment.rows == 0) return {};
  return record_.run(segment.id, segment.rows, segment.bytes, segment.min_at, segment.max_at);
}

Result<void> TelemetryLog::forget_segments(std::int64_t last) { return forget_segments_.run(last); }

Result<void> TelemetryLog::forget_removed(protocol::DeviceKey device) {
  return forget_removed_.run(device);
}

Result<void> TelemetryLog::drop_table(std::int64_t segment) {
  return database_.execute("DROP TABLE IF EXISTS " + OpenSegment::table_name(segment));
}

void TelemetryLog::committed() {
  for (auto& segment : begun_) segments_.begin(std::move(segment));
  for (const Appended& each : appended_) each.segment->add(*each.block, each.first);
  for (const protocol::DeviceKey device : removed_) segments_.forget(device);
  before_.reset();
  begun_.clear();
  appended_.clear();
  removed_.clear();
}

void TelemetryLog::rolled_back() {
  if (before_) append_to(*std::exchange(before_, std::nullopt));
  begun_.clear();
  appended_.clear();
  removed_.clear();
  progress_.clear();
}

}  // namespace fairlead::store::sqlite
