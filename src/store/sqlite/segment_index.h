#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "store/sqlite/database.h"
#include "store/sqlite/open_segment.h"
#include "store/sqlite/rollups.h"

namespace fairlead::store::sqlite {

/// `segments/index.db`: which sealed segments hold what of a device. All of it can be made again
/// from the segments. The sealing thread alone writes to it. One thread.
class SegmentIndex {
 public:
  using Extents = std::span<const std::pair<protocol::DeviceKey, DeviceExtent>>;

  /// The writer makes the file when there is none.
  static Result<std::unique_ptr<SegmentIndex>> open(const std::filesystem::path& file,
                                                    Access access);

  // ---- the sealing thread -----------------------------------------------------------------------
  /// All or nothing of what begins here is kept by commit().
  Result<void> begin();
  Result<void> add(Extents extents);
  /// Hours and days of all whole segments.
  RollupTable& rollups() { return rollups_; }
  /// The segment is whole in here.
  Result<void> mark_whole(std::int64_t segment);
  Result<bool> is_whole(std::int64_t segment);
  Result<void> commit();
  void rollback();
  /// The device is in no segment any more.
  Result<void> forget(protocol::DeviceKey device);
  /// The segment is gone. Looks at every device's row: rare, and long where there are many.
  Result<void> forget_segment(std::int64_t segment);

  /// For a transaction around several reads.
  Database& database() { return *database_; }
  // ---- reads ------------------------------------------------------------------------------------
  /// By segment; those only that hold an offset of `first_offset` or above.
  Result<std::vector<DeviceExtent>> extents(protocol::DeviceKey device,
                                            std::int64_t first_offset = 0);
  /// Segments are made whole one after the other: the last that is, 0 for none.
  Result<std::int64_t> last_whole();
  /// All that are whole.
  Result<std::vector<std::int64_t>> whole();
  /// By segment; those only that hold a time of [from_ts, to_ts].
  Result<std::vector<DeviceExtent>> extents_between(protocol::DeviceKey device,
                                                    std::int64_t from_ts, std::int64_t to_ts);

 private:
  explicit SegmentIndex(std::unique_ptr<Database> database);
  static Result<std::vector<DeviceExtent>> collect(Rows rows);

  // The statements below die before their database.
  std::unique_ptr<Database> database_;
  Statement add_;
  Statement mark_;
  Statement unmark_;
  Statement is_whole_;
  Statement forget_;
  Statement forget_in_;
  Statement from_offset_;
  Statement between_;
  Statement last_whole_;
  Statement whole_;
  RollupTable rollups_;
};

}  // namespace fairlead::store::sqlite
