#include "store/sqlite/sealer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <system_error>

#include "store/sqlite/file_error.h"
#include "store/sqlite/rows.h"

namespace fairlead::store::sqlite {
namespace {

/// Devices whose newest values go to the main database in one transaction.
constexpr std::size_t kLatestAtOnce = 500;
/// Devices that are read from a file at once.
constexpr std::size_t kExtentsAtOnce = 4096;
/// Rows of other devices that are stepped over; beyond, finding the place is cheaper.
constexpr std::int64_t kMostSteps = 4;
/// Behind the columns of a sample.
constexpr int kRowColumn = 5;
constexpr const char* kExists = "SELECT 1 FROM devices WHERE key = ?1";
constexpr const char* kLatest = "SELECT checkpoint FROM telemetry_latest WHERE device = ?1";
constexpr const char* kRemoved = "SELECT key FROM removed_devices LIMIT 1";

/// A crash in the middle of a purge leaves a journal, and only a connection that may write can undo
/// what it began.
Result<void> undo_purge(const std::filesystem::path& segment) {
  if (!std::filesystem::exists(segment.string() + "-journal")) return {};
  auto file = Database::open(segment.string(), Access::kWriter);
  if (!file) return explain(segment, file.error());
  if (auto done = (*file)->execute("SELECT count(*) FROM sqlite_schema"); !done) {
    return explain(segment, done.error());
  }
  return {};
}

}  // namespace

struct Sealer::Job {
  const OpenSegment& open;
  SegmentWriter& file;
  /// Those from a row on.
  Statement rows;
  SealedSegment sealed;
  SaveLatest newest{};
};

Sealer::Sealer(std::unique_ptr<Database> database, std::unique_ptr<SegmentIndex> index,
               const Segments& segments, const Clock& clock, SegmentLimits limits,
               Retention retention, Perform perform)
    : database_(std::move(database)),
      index_(std::move(index)),
      segments_(segments),
      clock_(clock),
      limits_(limits),
      retention_(retention),
      perform_(std::move(perform)),
      exists_(*database_, kExists),
      latest_(*database_, kLatest),
      removed_(*database_, kRemoved) {}

Result<std::unique_ptr<Sealer>> Sealer::open(const std::filesystem::path& database,
                                             const Segments& segments, const Clock& clock,
                                             SegmentLimits limits, Retention retention,
                                             Perform perform) {
  auto reading = Database::open(database.string(), Access::kReader);
  if (!reading) return explain(database, reading.error());
  // Rows are fetched in the order of devices, from all over the table: without a copy of each page.
  if (auto done = (*reading)->execute("PRAGMA query_only = ON; PRAGMA mmap_size = 4294967296;");
      !done) {
    return explain(database, done.error());
  }
  auto index = SegmentIndex::open(segments.index_file(), Access::kWriter);
  if (!index) return std::unexpected(std::move(index.error()));
  std::unique_ptr<Sealer> sealer(new Sealer(std::move(*reading), std::move(*index), segments, clock,
                                            limits, retention, std::move(perform)));
  for (const SealedSegment& sealed : segments.view()->sealed) {
    if (auto done = undo_purge(segments.file_of(sealed.id)); !done) {
      return std::unexpected(std::move(done.error()));
    }
    const auto is_whole = sealer->index_->is_whole(sealed.id);
    if (!is_whole) return std::unexpected(is_whole.error());
    if (*is_whole) continue;
    if (auto done = sealer->add_to_index(sealed.id); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  if (auto done = sealer->find_unlisted(); !done) return std::unexpected(std::move(done.error()));
  return sealer;
}

Result<bool> Sealer::step() {
  for (const auto work : {&Sealer::seal_one, &Sealer::roll_if_old, &Sealer::expire,
                          &Sealer::unlist_one, &Sealer::purge_one}) {
    const Result<bool> did = (this->*work)();
    if (!did || *did) return did;
  }
  return false;
}

Result<void> Sealer::check_interrupt() const {
  if (is_interrupted_) return fail(Code::kOverloaded, "the store is closing");
  return {};
}

// ---- sealing ------------------------------------------------------------------------------------

Result<bool> Sealer::seal_one() {
  const auto view = segments_.view();
  if (view->open.size() < 2) return false;
  const std::shared_ptr<OpenSegment> oldest = view->open.front();
  if (auto done = seal(*oldest); !done) return std::unexpected(std::move(done.error()));
  return true;
}

Result<void> Sealer::seal(const OpenSegment& open) {
  const std::filesystem::path path = segments_.file_of(open.id());
  auto file = SegmentWriter::create(path);
  if (!file) return std::unexpected(std::move(file.error()));
  const std::string sql = fmt::format(
      "SELECT offset, ts, at, seq, metrics, rowid FROM {} WHERE rowid >= ?1 ORDER BY rowid",
      open.table());
  Job job{.open = open,
          .file = **file,
          .rows = Statement(*database_, sql),
          .sealed = {.id = open.id(), .min_at = std::numeric_limits<std::int64_t>::max()}};
  for (const protocol::DeviceKey device : open.devices()) {
    if (auto done = check_interrupt(); !done) return done;
    if (auto done = write_device(job, device); !done) return explain(path, done.error());
    if (auto done = pass_on(job, false); !done) return done;
  }
  if (auto done = pass_on(job, true); !done) return done;
  if (job.sealed.rows == 0) return perform_(RecordSegment{job.sealed});
  if (auto done = (*file)->finish(); !done) return done;
  file->reset();
  std::error_code error;
  job.sealed.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
  if (error) return fail(Code::kInternal, "{}: {}", path.string(), error.message());
  if (auto done = add_to_index(open.id()); !done) return done;
  return perform_(RecordSegment{job.sealed});
}

Result<void> Sealer::write_device(Job& job, protocol::DeviceKey device) {
  const Result<bool> is_there = exists(device);
  if (!is_there) return std::unexpected(is_there.error());
  const auto extent = job.open.extent(device);
  if (!*is_there || !extent) return {};
  auto latest = latest_of(device);
  if (!latest) return std::unexpected(std::move(latest.error()));
  const std::int64_t known = latest->offset();
  DeviceExtent written = *extent;
  written.has_minutes = RollupBuilder::has_minutes(*extent);
  RollupBuilder rollups(job.file.rollups(), device, written.has_minutes, *latest);
  constexpr std::size_t kPlacesAtOnce = 16'384;
  std::int64_t next = extent->first_offset;
  while (next <= extent->last_offset) {
    if (auto done = check_interrupt(); !done) return done;
    const auto places = job.open.places_from(device, next, kPlacesAtOnce);
    // Removed meanwhile: what is written of it goes with the removal.
    if (places.empty()) break;
    const ReadTransaction transaction(*database_);
    for (std::span<const OpenSegment::Place> rest(places); !rest.empty();) {
      const auto written_places = write_run(job, device, rest, rollups);
      if (!written_places) return std::unexpected(written_places.error());
      rest = rest.subspan(*written_places);
    }
    next = places.back().offset + 1;
  }
  if (next == extent->first_offset) return {};
  if (auto done = rollups.finish(); !done) return done;
  written.last_offset = next - 1;
  // A late one may be the last and the newest of nothing.
  latest->fold(0, written.last_offset, "{}");
  if (!extent->is_ordered) {
    if (auto done = write_late(job, device); !done) return done;
  }
  if (latest->offset() > known) {
    std::string checkpoint;
    latest->write_checkpoint(checkpoint);
    job.newest.checkpoints.emplace_back(device, std::move(checkpoint));
  }
  return job.file.end_device(device, written);
}

/// The first of `places` and those that follow it closely in the table: samples that were stored
/// together stand together, and to step over a few is cheaper than to find a place anew.
Result<std::size_t> Sealer::write_run(Job& job, protocol::DeviceKey device,
                                      std::span<const OpenSegment::Place> places,
                                      RollupBuilder& rollups) {
  Rows rows = job.rows.query(std::int64_t{places.front().row});
  std::int64_t row = 0;
  std::size_t written = 0;
  for (const OpenSegment::Place& place : places) {
    if (written > 0 && place.row - row > kMostSteps) break;
    while (row < place.row) {
      const Result<bool> found = rows.next();
      if (!found) return std::unexpected(found.error());
      row = *found ? rows.integer(kRowColumn) : std::numeric_limits<std::int64_t>::max();
    }
    if (row != place.row)
      return fail(Code::kInternal, "{} lacks row {}", job.open.table(), place.row);
    if (auto done = write_sample(job, device, sample_of(rows), rollups); !done) {
      return std::unexpected(std::move(done.error()));
    }
    ++written;
  }
  return written;
}

Result<void> Sealer::write_sample(Job& job, protocol::DeviceKey device,
                                  const telemetry::SampleView& sample, RollupBuilder& rollups) {
  job.sealed.rows += 1;
  job.sealed.min_at = std::min(job.sealed.min_at, sample.at);
  job.sealed.max_at = std::max(job.sealed.max_at, sample.at);
  if (auto done = rollups.add(sample); !done) return done;
  return job.file.add(device, sample);
}

Result<void> Sealer::write_late(Job& job, protocol::DeviceKey device) {
  telemetry::Range all;
  all.device = device;
  all.from_ts = std::numeric_limits<std::int64_t>::min();
  const auto places = job.open.places_in(all, std::numeric_limits<std::size_t>::max());
  for (const OpenSegment::Place& place : places) {
    if (auto done = job.file.add_late(device, place.ts, place.offset); !done) return done;
  }
  return {};
}

Result<telemetry::Latest> Sealer::latest_of(protocol::DeviceKey device) {
  telemetry::Latest latest;
  Rows rows = latest_.query(device);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (*found && !latest.restore(rows.view(0))) latest = {};
  return latest;
}

Result<bool> Sealer::exists(protocol::DeviceKey device) {
  Rows rows = exists_.query(device);
  return rows.next();
}

Result<void> Sealer::pass_on(Job& job, bool is_last) {
  const std::size_t count = job.newest.checkpoints.size();
  if (count == 0 || (count < kLatestAtOnce && !is_last)) return {};
  return perform_(std::exchange(job.newest, {}));
}

/// Hours that follow each other become one change of their day.
Result<void> Sealer::add_hours(SegmentReader& segment, protocol::DeviceKey device) {
  const auto metrics = segment.rollups().metrics(device, kHourMs);
  if (!metrics) return std::unexpected(metrics.error());
  for (const std::string& metric : *metrics) {
    std::map<std::int64_t, telemetry::Aggregate> days;
    Result<void> merged;
    const Result<void> read = segment.rollups().for_each(
        device, kHourMs, metric, 0, std::numeric_limits<std::int64_t>::max(),
        [&](std::string_view, std::int64_t hour, const telemetry::Aggregate& aggregate) {
          days[telemetry::bucket_of(hour, kRollupDayMs)].merge(aggregate);
          if (merged) merged = index_->rollups().merge(device, kHourMs, metric, hour, aggregate);
        });
    if (!read || !merged) return read ? merged : read;
    for (const auto& [day, aggregate] : days) {
      if (auto done = index_->rollups().merge(device, kRollupDayMs, metric, day, aggregate);
          !done) {
        return done;
      }
    }
  }
  return {};
}

/// From the file, so that a lost index is made again in the same way.
Result<void> Sealer::add_to_index(std::int64_t segment) {
  auto reader = SegmentReader::open(segments_.file_of(segment));
  if (!reader) return std::unexpected(std::move(reader.error()));
  const auto add_all = [&]() -> Result<void> {
    protocol::DeviceKey last = 0;
    while (true) {
      const auto extents = (*reader)->extents(segment, last, kExtentsAtOnce);
      if (!extents) return std::unexpected(extents.error());
      if (extents->empty()) break;
      if (auto done = index_->add(*extents); !done) return done;
      for (const auto& [device, extent] : *extents) {
        if (auto done = add_hours(**reader, device); !done) return done;
      }
      last = extents->back().first;
    }
    return index_->mark_whole(segment);
  };
  const auto is_whole = index_->is_whole(segment);
  if (!is_whole) return std::unexpected(is_whole.error());
  // Sealed a second time, after a crash: adding it again would count it twice.
  if (*is_whole) return {};
  Result<void> done = index_->begin();
  if (done) done = add_all();
  if (done) done = index_->commit();
  if (!done) {
    index_->rollback();
    return explain(segments_.index_file(), done.error());
  }
  return {};
}

}  // namespace fairlead::store::sqlite
