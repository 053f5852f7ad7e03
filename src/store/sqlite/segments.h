#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "store/sqlite/open_segment.h"

namespace fairlead::store::sqlite {

/// A segment that is a file of its own, as the main database has it on record.
struct SealedSegment {
  std::int64_t id = 0;
  std::int64_t rows = 0;
  /// Of the file.
  std::int64_t bytes = 0;
  /// The times of arrival that it spans.
  std::int64_t min_at = 0;
  std::int64_t max_at = 0;
};

/// All segments at one moment. A device's offsets rise from segment to segment, sealed ones first.
struct SegmentView {
  /// By id.
  std::vector<SealedSegment> sealed;
  /// By id; the last is the one that is written to.
  std::vector<std::shared_ptr<OpenSegment>> open;

  /// Null when there is none.
  const SealedSegment* find_sealed(std::int64_t id) const;
};

/// Which segments there are. The writer's thread changes it, any thread looks.
class Segments {
 public:
  /// Sealed segments are files of `directory`.
  explicit Segments(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path file_of(std::int64_t id) const;
  std::filesystem::path index_file() const { return directory_ / "index.db"; }

  /// Holds what it shows: a table is dropped only when no view has it.
  std::shared_ptr<const SegmentView> view() const;

  // ---- the writer's thread ----------------------------------------------------------------------
  void assign(SegmentView view);
  void begin(std::shared_ptr<OpenSegment> segment);
  /// `segment` takes the place of the open one with its id; without rows it just goes.
  void seal(const SealedSegment& segment);
  /// The sealed ones up to `last` are gone.
  void drop_up_to(std::int64_t last);
  void forget(protocol::DeviceKey device);
  /// An open segment that was sealed and that nobody looks at any more; its table may go.
  std::optional<std::int64_t> next_retired() const;
  void forget_retired(std::int64_t id);

 private:
  template <typename Change>
  void change(Change&& apply);

  const std::filesystem::path directory_;
  mutable std::mutex mutex_;
  std::shared_ptr<const SegmentView> view_ = std::make_shared<const SegmentView>();
  /// Of the writer's thread.
  std::vector<std::shared_ptr<OpenSegment>> retired_;
};

}  // namespace fairlead::store::sqlite
