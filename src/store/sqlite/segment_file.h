#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "store/sqlite/database.h"
#include "store/sqlite/rollups.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/ts_window.h"
#include "telemetry/repository.h"
#include "telemetry/sample.h"

namespace fairlead::store::sqlite {

/// Makes the file of one sealed segment: a SQLite database with `telemetry_data`, clustered by
/// (device, offset). It appears under its name when it is whole and on the disk. One thread.
class SegmentWriter {
 public:
  /// Writes `<file>.new` first; a former attempt is overwritten.
  static Result<std::unique_ptr<SegmentWriter>> create(const std::filesystem::path& file);
  /// What was not finished is gone: a disk may be full because of it.
  ~SegmentWriter();
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  /// Samples come by device, each device's by offset.
  Result<void> add(protocol::DeviceKey device, const telemetry::SampleView& sample);
  /// Behind the samples of a device. Those with late samples get an index by time of their own.
  Result<void> end_device(protocol::DeviceKey device, const DeviceExtent& extent);
  /// Aggregates of the samples, to be filled beside them.
  RollupTable& rollups() { return rollups_; }
  Result<void> add_late(protocol::DeviceKey device, std::int64_t ts, std::int64_t offset);
  /// Everything is on the disk and has its name. Nothing may be added any more.
  Result<void> finish();

 private:
  SegmentWriter(std::filesystem::path file, std::unique_ptr<Database> database);

  const std::filesystem::path file_;
  // The statements below die before their database.
  std::unique_ptr<Database> database_;
  Statement insert_;
  Statement insert_late_;
  Statement insert_extent_;
  RollupTable rollups_;
  bool is_finished_ = false;
};

/// Reads one sealed segment. One thread.
class SegmentReader {
 public:
  static Result<std::unique_ptr<SegmentReader>> open(const std::filesystem::path& file);

  /// From `first_offset` on, by offset. Ends at `limit` rows or telemetry::Page's bytes.
  Result<telemetry::Page> read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                    std::size_t limit);
  /// In the order of `range`, `limit` rows at most; `extent` is the device's here.
  Result<telemetry::Page> read(const telemetry::Range& range, const DeviceExtent& extent,
                               std::size_t limit);
  /// The lowest offset whose `at` is `since` or later; 0 when there is none.
  Result<std::int64_t> first_since(const DeviceExtent& extent, protocol::DeviceKey device,
                                   std::int64_t since);
  RollupTable& rollups() { return rollups_; }
  /// What it has of each device, by key, behind `after`, at most `limit`.
  Result<std::vector<std::pair<protocol::DeviceKey, DeviceExtent>>> extents(
      std::int64_t segment, protocol::DeviceKey after, std::size_t limit);

 private:
  explicit SegmentReader(std::unique_ptr<Database> database);

  /// Of the row with that offset; nothing when there is none.
  struct Times {
    std::int64_t ts = 0;
    std::int64_t at = 0;
  };
  Result<Times> times(protocol::DeviceKey device, std::int64_t offset);
  Result<telemetry::Page> read_ordered(const telemetry::Range& range, const DeviceExtent& extent,
                                       std::size_t limit);

  std::unique_ptr<Database> database_;
  Statement from_;
  Statement up_;
  Statement down_;
  Statement late_up_;
  Statement late_down_;
  Statement times_;
  Statement extents_;
  RollupTable rollups_;
};

/// Puts the file and its name on the disk (fsync of both).
Result<void> sync_file(const std::filesystem::path& file);
Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace fairlead::store::sqlite
