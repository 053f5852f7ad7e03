#include "store/sqlite/segment_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <system_error>
#include <utility>

#include "store/page.h"
#include "store/sqlite/file_error.h"
#include "store/sqlite/rows.h"

namespace fairlead::store::sqlite {
namespace {

// "FLsg" in the header of each file, and the form of what follows.
constexpr const char* kPrepare =
    // Nobody sees the file before it is whole, so nothing needs to be undone or ordered.
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA application_id = 0x464C7367; PRAGMA user_version = 1;"
    "PRAGMA cache_size = -4096;"
    "BEGIN;"
    "CREATE TABLE telemetry_data (device INTEGER NOT NULL, "
    "offset INTEGER NOT NULL CHECK (offset > 0), ts INTEGER NOT NULL, at INTEGER NOT NULL, "
    "seq INTEGER NOT NULL CHECK (seq >= 0), metrics TEXT NOT NULL, PRIMARY KEY (device, offset)) "
    "STRICT, WITHOUT ROWID;"
    // Of devices with late samples only: those of all others are in this order anyway.
    "CREATE TABLE telemetry_by_ts (device INTEGER NOT NULL, ts INTEGER NOT NULL, "
    "offset INTEGER NOT NULL, PRIMARY KEY (device, ts, offset)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE segment_devices (device INTEGER PRIMARY KEY, first_offset INTEGER NOT NULL, "
    "last_offset INTEGER NOT NULL, min_ts INTEGER NOT NULL, max_ts INTEGER NOT NULL, "
    "is_ordered INTEGER NOT NULL CHECK (is_ordered IN (0, 1)), "
    "has_minutes INTEGER NOT NULL CHECK (has_minutes IN (0, 1))) STRICT;";
constexpr const char* kInsert =
    "INSERT INTO telemetry_data (device, offset, ts, at, seq, metrics) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
constexpr const char* kInsertLate =
    "INSERT INTO telemetry_by_ts (device, ts, offset) VALUES (?1, ?2, ?3)";
constexpr const char* kInsertExtent =
    "INSERT INTO segment_devices (device, first_offset, last_offset, min_ts, max_ts, is_ordered, "
    "has_minutes) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

constexpr const char* kFrom =
    "SELECT offset, ts, at, seq, metrics FROM telemetry_data "
    "WHERE device = ?1 AND offset >= ?2 ORDER BY offset LIMIT ?3";
constexpr const char* kUp =
    "SELECT offset, ts, at, seq, metrics FROM telemetry_data "
    "WHERE device = ?1 AND offset >= ?2 ORDER BY offset";
constexpr const char* kDown =
    "SELECT offset, ts, at, seq, metrics FROM telemetry_data "
    "WHERE device = ?1 AND offset <= ?2 ORDER BY offset DESC";
constexpr const char* kLateUp =
    "SELECT d.offset, d.ts, d.at, d.seq, d.metrics FROM telemetry_by_ts AS t "
    "CROSS JOIN telemetry_data AS d ON d.device = t.device AND d.offset = t.offset "
    "WHERE t.device = ?1 AND (t.ts, t.offset) > (?2, ?3) AND t.ts < ?4 ORDER BY t.ts, t.offset";
constexpr const char* kLateDown =
    "SELECT d.offset, d.ts, d.at, d.seq, d.metrics FROM telemetry_by_ts AS t "
    "CROSS JOIN telemetry_data AS d ON d.device = t.device AND d.offset = t.offset "
    "WHERE t.device = ?1 AND (t.ts, t.offset) < (?2, ?3) AND t.ts >= ?4 "
    "ORDER BY t.ts DESC, t.offset DESC";
constexpr const char* kTimes =
    "SELECT ts, at FROM telemetry_data WHERE device = ?1 AND offset = ?2";
constexpr const char* kExtents =
    "SELECT device, first_offset, last_offset, min_ts, max_ts, is_ordered, has_minutes "
    "FROM segment_devices "
    "WHERE device > ?1 ORDER BY device LIMIT ?2";

std::filesystem::path unfinished(const std::filesystem::path& file) {
  return file.string() + ".new";
}

Result<void> sync(const std::filesystem::path& path, int flags) {
  const int opened = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool is_synced = opened >= 0 && ::fsync(opened) == 0;
  const int error = errno;
  if (opened >= 0) ::close(opened);
  if (is_synced) return {};
  return fail(Code::kInternal, "{}: {}", path.string(), std::generic_category().message(error));
}

}  // namespace

Result<void> sync_file(const std::filesystem::path& file) { return sync(file, O_RDONLY); }

Result<void> sync_directory(const std::filesystem::path& directory) {
  return sync(directory, O_RDONLY | O_DIRECTORY);
}

// ---- SegmentWriter ------------------------------------------------------------------------------

SegmentWriter::SegmentWriter(std::filesystem::path file, std::unique_ptr<Database> database)
    : file_(std::move(file)),
      database_(std::move(database)),
      insert_(*database_, kInsert),
      insert_late_(*database_, kInsertLate),
      insert_extent_(*database_, kInsertExtent),
      rollups_(*database_) {}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(const std::filesystem::path& file) {
  const std::filesystem::path path = unfinished(file);
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  auto database = Database::open(path.string(), Access::kWriter);
  if (!database) return explain(path, database.error());
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(file, std::move(*database)));
  const std::string prepare = std::string(kPrepare) + RollupTable::schema();
  if (auto done = writer->database_->execute(prepare); !done) return explain(path, done.error());
  return writer;
}

SegmentWriter::~SegmentWriter() {
  if (is_finished_) return;
  std::error_code ignored;
  std::filesystem::remove(unfinished(file_), ignored);
}

Result<void> SegmentWriter::add(protocol::DeviceKey device, const telemetry::SampleView& sample) {
  return insert_.run(device, sample.offset, sample.ts, sample.at, sample.seq, sample.metrics);
}

Result<void> SegmentWriter::add_late(protocol::DeviceKey device, std::int64_t ts,
                                     std::int64_t offset) {
  return insert_late_.run(device, ts, offset);
}

Result<void> SegmentWriter::end_device(protocol::DeviceKey device, const DeviceExtent& extent) {
  return insert_extent_.run(device, extent.first_offset, extent.last_offset, extent.min_ts,
                            extent.max_ts, std::int64_t{extent.is_ordered ? 1 : 0},
                            std::int64_t{extent.has_minutes ? 1 : 0});
}

Result<void> SegmentWriter::finish() {
  const std::filesystem::path path = unfinished(file_);
  if (auto done = database_->execute("COMMIT; PRAGMA locking_mode = NORMAL;"); !done) {
    return explain(path, done.error());
  }
  if (auto done = sync_file(path); !done) return done;
  std::error_code error;
  std::filesystem::rename(path, file_, error);
  if (error) return fail(Code::kInternal, "{}: {}", file_.string(), error.message());
  is_finished_ = true;
  return sync_directory(file_.parent_path());
}

// ---- SegmentReader ------------------------------------------------------------------------------

SegmentReader::SegmentReader(std::unique_ptr<Database> database)
    : database_(std::move(database)),
      from_(*database_, kFrom),
      up_(*database_, kUp),
      down_(*database_, kDown),
      late_up_(*database_, kLateUp),
      late_down_(*database_, kLateDown),
      times_(*database_, kTimes),
      extents_(*database_, kExtents),
      rollups_(*database_) {}

Result<std::unique_ptr<SegmentReader>> SegmentReader::open(const std::filesystem::path& file) {
  auto database = Database::open(file.string(), Access::kReader);
  if (!database) return explain(file, database.error());
  if (auto done = (*database)->execute("PRAGMA query_only = ON; PRAGMA cache_size = -512;");
      !done) {
    return explain(file, done.error());
  }
  return std::unique_ptr<SegmentReader>(new SegmentReader(std::move(*database)));
}

Result<telemetry::Page> SegmentReader::read_from(protocol::DeviceKey device,
                                                 std::int64_t first_offset, std::size_t limit) {
  Rows rows = from_.query(device, first_offset, limit_and_one(limit));
  PageBuilder page(limit);
  if (auto done = fill(page, rows, [](const auto&) { return true; }); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return page.take();
}

Result<telemetry::Page> SegmentReader::read(const telemetry::Range& range,
                                            const DeviceExtent& extent, std::size_t limit) {
  const ReadTransaction transaction(*database_);
  if (extent.is_ordered) return read_ordered(range, extent, limit);
  const TsWindow window(range);
  const telemetry::Position start = window.start();
  Statement& statement = range.is_descending ? late_down_ : late_up_;
  Rows rows = statement.query(range.device, start.ts, start.offset,
                              range.is_descending ? range.from_ts : range.to_ts);
  PageBuilder page(limit);
  if (auto done = fill(page, rows, [](const auto&) { return true; }); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return page.take();
}

/// Offsets are in the order of time here: halves the stretch in which the first row lies.
Result<telemetry::Page> SegmentReader::read_ordered(const telemetry::Range& range,
                                                    const DeviceExtent& extent, std::size_t limit) {
  const TsWindow window(range);
  const telemetry::Position start = window.start();
  const auto is_behind_start = [&](const Times& times, std::int64_t offset) {
    const std::pair at(times.ts, offset);
    const std::pair begin(start.ts, start.offset);
    return range.is_descending ? at >= begin : at > begin;
  };
  std::int64_t low = extent.first_offset;
  std::int64_t high = extent.last_offset + 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const Result<Times> found = times(range.device, middle);
    if (!found) return std::unexpected(found.error());
    if (is_behind_start(*found, middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  Rows rows =
      range.is_descending ? down_.query(range.device, low - 1) : up_.query(range.device, low);
  PageBuilder page(limit);
  const auto is_wanted = [&](const telemetry::SampleView& sample) {
    return range.is_descending ? sample.ts >= range.from_ts : sample.ts < range.to_ts;
  };
  if (auto done = fill(page, rows, is_wanted); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return page.take();
}

Result<SegmentReader::Times> SegmentReader::times(protocol::DeviceKey device, std::int64_t offset) {
  Rows rows = times_.query(device, offset);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(Code::kInternal, "a segment lacks device {}, offset {}", device, offset);
  return Times{.ts = rows.integer(0), .at = rows.integer(1)};
}

/// `at` does not fall as offsets rise.
Result<std::int64_t> SegmentReader::first_since(const DeviceExtent& extent,
                                                protocol::DeviceKey device, std::int64_t since) {
  const ReadTransaction transaction(*database_);
  std::int64_t low = extent.first_offset;
  std::int64_t high = extent.last_offset + 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const Result<Times> found = times(device, middle);
    if (!found) return std::unexpected(found.error());
    if (found->at >= since) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low > extent.last_offset ? 0 : low;
}

Result<std::vector<std::pair<protocol::DeviceKey, DeviceExtent>>> SegmentReader::extents(
    std::int64_t segment, protocol::DeviceKey after, std::size_t limit) {
  std::vector<std::pair<protocol::DeviceKey, DeviceExtent>> found;
  Rows rows = extents_.query(after, static_cast<std::int64_t>(limit));
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.emplace_back(rows.integer(0), DeviceExtent{.segment = segment,
                                                     .first_offset = rows.integer(1),
                                                     .last_offset = rows.integer(2),
                                                     .min_ts = rows.integer(3),
                                                     .max_ts = rows.integer(4),
                                                     .is_ordered = rows.integer(5) != 0,
                                                     .has_minutes = rows.integer(6) != 0});
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

}  // namespace fairlead::store::sqlite
