#include "store/sqlite/segment_index.h"

#include <string>

#include "store/sqlite/file_error.h"

namespace fairlead::store::sqlite {
namespace {

constexpr const char* kPrepare =
    "PRAGMA application_id = 0x464C6978; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "PRAGMA secure_delete = OFF; PRAGMA cache_size = -8192;"
    "CREATE TABLE IF NOT EXISTS segment_devices (device INTEGER NOT NULL, "
    "segment INTEGER NOT NULL, first_offset INTEGER NOT NULL, last_offset INTEGER NOT NULL, "
    "min_ts INTEGER NOT NULL, max_ts INTEGER NOT NULL, is_ordered INTEGER NOT NULL, has_minutes "
    "INTEGER NOT NULL, "
    "PRIMARY KEY (device, segment)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS whole_segments (segment INTEGER PRIMARY KEY) STRICT;";
constexpr const char* kAdd =
    "INSERT OR REPLACE INTO segment_devices "
    "(device, segment, first_offset, last_offset, min_ts, max_ts, is_ordered, has_minutes) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
constexpr const char* kMark = "INSERT OR REPLACE INTO whole_segments (segment) VALUES (?1)";
constexpr const char* kUnmark = "DELETE FROM whole_segments WHERE segment = ?1";
constexpr const char* kIsWhole = "SELECT 1 FROM whole_segments WHERE segment = ?1";
constexpr const char* kWhole = "SELECT segment FROM whole_segments ORDER BY segment";
constexpr const char* kLastWhole = "SELECT coalesce(max(segment), 0) FROM whole_segments";
constexpr const char* kForget = "DELETE FROM segment_devices WHERE device = ?1";
constexpr const char* kForgetIn = "DELETE FROM segment_devices WHERE segment = ?1";
constexpr const char* kFromOffset =
    "SELECT segment, first_offset, last_offset, min_ts, max_ts, is_ordered, has_minutes "
    "FROM segment_devices "
    "WHERE device = ?1 AND last_offset >= ?2 ORDER BY segment";
constexpr const char* kBetween =
    "SELECT segment, first_offset, last_offset, min_ts, max_ts, is_ordered, has_minutes "
    "FROM segment_devices "
    "WHERE device = ?1 AND max_ts >= ?2 AND min_ts <= ?3 ORDER BY segment";

}  // namespace

SegmentIndex::SegmentIndex(std::unique_ptr<Database> database)
    : database_(std::move(database)),
      add_(*database_, kAdd),
      mark_(*database_, kMark),
      unmark_(*database_, kUnmark),
      is_whole_(*database_, kIsWhole),
      forget_(*database_, kForget),
      forget_in_(*database_, kForgetIn),
      from_offset_(*database_, kFromOffset),
      between_(*database_, kBetween),
      last_whole_(*database_, kLastWhole),
      whole_(*database_, kWhole),
      rollups_(*database_) {}

Result<std::unique_ptr<SegmentIndex>> SegmentIndex::open(const std::filesystem::path& file,
                                                         Access access) {
  auto database = Database::open(file.string(), access);
  if (!database) return explain(file, database.error());
  const std::string prepare = access == Access::kWriter
                                  ? std::string(kPrepare) + RollupTable::schema()
                                  : "PRAGMA query_only = ON; PRAGMA cache_size = -4096;";
  if (auto done = (*database)->execute(prepare); !done) return explain(file, done.error());
  return std::unique_ptr<SegmentIndex>(new SegmentIndex(std::move(*database)));
}

Result<void> SegmentIndex::begin() { return database_->execute("BEGIN IMMEDIATE"); }

Result<void> SegmentIndex::add(Extents extents) {
  for (const auto& [device, extent] : extents) {
    const Result<void> added =
        add_.run(device, extent.segment, extent.first_offset, extent.last_offset, extent.min_ts,
                 extent.max_ts, std::int64_t{extent.is_ordered ? 1 : 0},
                 std::int64_t{extent.has_minutes ? 1 : 0});
    if (!added) return added;
  }
  return {};
}

Result<void> SegmentIndex::mark_whole(std::int64_t segment) { return mark_.run(segment); }

Result<bool> SegmentIndex::is_whole(std::int64_t segment) {
  Rows rows = is_whole_.query(segment);
  return rows.next();
}

Result<std::int64_t> SegmentIndex::last_whole() {
  Rows rows = last_whole_.query();
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  return rows.integer(0);
}

Result<void> SegmentIndex::commit() {
  if (auto done = database_->execute("COMMIT"); !done) return done;
  // What readers hold back is copied the next time.
  static_cast<void>(database_->checkpoint(false));
  return {};
}

void SegmentIndex::rollback() {
  if (database_->is_in_transaction()) static_cast<void>(database_->execute("ROLLBACK"));
}

Result<void> SegmentIndex::forget(protocol::DeviceKey device) { return forget_.run(device); }

Result<void> SegmentIndex::forget_segment(std::int64_t segment) {
  if (auto done = forget_in_.run(segment); !done) return done;
  return unmark_.run(segment);
}

Result<std::vector<std::int64_t>> SegmentIndex::whole() {
  std::vector<std::int64_t> found;
  Rows rows = whole_.query();
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) found.push_back(rows.integer(0));
  if (!more) return std::unexpected(std::move(more.error()));
  return found;
}

Result<std::vector<DeviceExtent>> SegmentIndex::extents(protocol::DeviceKey device,
                                                        std::int64_t first_offset) {
  return collect(from_offset_.query(device, first_offset));
}

Result<std::vector<DeviceExtent>> SegmentIndex::extents_between(protocol::DeviceKey device,
                                                                std::int64_t from_ts,
                                                                std::int64_t to_ts) {
  return collect(between_.query(device, from_ts, to_ts));
}

Result<std::vector<DeviceExtent>> SegmentIndex::collect(Rows rows) {
  std::vector<DeviceExtent> found;
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    found.push_back({.segment = rows.integer(0),
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
