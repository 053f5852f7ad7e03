// What the sealer does beside sealing: old segments go, and the rows of removed devices.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <system_error>

#include "store/sqlite/file_error.h"
#include "store/sqlite/sealer.h"

namespace fairlead::store::sqlite {
namespace {

constexpr std::int64_t kDayMs = std::int64_t{24} * 60 * 60 * 1000;

}  // namespace

// ---- age ----------------------------------------------------------------------------------------

Result<bool> Sealer::roll_if_old() {
  const auto first = segments_.view()->open.back()->first_at();
  if (!first || clock_.now_ms() - *first < limits_.age_ms) return false;
  if (auto done = perform_(RollSegment{}); !done) return std::unexpected(std::move(done.error()));
  return true;
}

Result<bool> Sealer::expire() {
  const auto view = segments_.view();
  std::int64_t bytes = 0;
  for (const SealedSegment& segment : view->sealed) bytes += segment.bytes;
  std::optional<std::int64_t> last;
  for (const SealedSegment& segment : view->sealed) {
    const bool is_old =
        retention_.days > 0 && segment.max_at < clock_.now_ms() - retention_.days * kDayMs;
    const bool is_too_much = retention_.bytes > 0 && bytes > retention_.bytes;
    if (!is_old && !is_too_much) break;
    bytes -= segment.bytes;
    last = segment.id;
  }
  if (!last) return false;
  if (auto done = perform_(ForgetSegments{*last}); !done) {
    return std::unexpected(std::move(done.error()));
  }
  for (const SealedSegment& segment : view->sealed) {
    if (segment.id <= *last) gone_.push_back(segment.id);
  }
  return true;
}

/// What a former life left in the index of segments that are gone.
Result<void> Sealer::find_unlisted() {
  auto whole = index_->whole();
  if (!whole) return std::unexpected(std::move(whole.error()));
  const auto view = segments_.view();
  std::ranges::copy_if(*whole, std::back_inserter(gone_), [&view](std::int64_t segment) {
    const bool is_open = std::ranges::any_of(
        view->open, [segment](const auto& open) { return open->id() == segment; });
    return view->find_sealed(segment) == nullptr && !is_open;
  });
  return {};
}

/// A segment that is gone stays in the list until index and file are done with, so that what fails
/// is tried again.
Result<bool> Sealer::unlist_one() {
  if (gone_.empty()) return false;
  const std::int64_t segment = gone_.back();
  if (auto done = unlist(segment); !done) return std::unexpected(std::move(done.error()));
  // Who reads it now goes on reading: the file lives until it is closed.
  const std::filesystem::path path = segments_.file_of(segment);
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) return fail(Code::kInternal, "{}: {}", path.string(), error.message());
  gone_.pop_back();
  return true;
}

/// Takes the segment out of the index.
Result<void> Sealer::unlist(std::int64_t segment) {
  Result<void> done = index_->begin();
  if (done) done = index_->forget_segment(segment);
  if (done) done = index_->commit();
  if (!done) {
    index_->rollback();
    return explain(segments_.index_file(), done.error());
  }
  return {};
}

// ---- removed devices ----------------------------------------------------------------------------

Result<bool> Sealer::purge_one() {
  std::optional<protocol::DeviceKey> device;
  {
    Rows rows = removed_.query();
    const Result<bool> found = rows.next();
    if (!found) return std::unexpected(found.error());
    if (*found) device = rows.integer(0);
  }
  if (!device) return false;
  if (auto done = purge(*device); !done) return std::unexpected(std::move(done.error()));
  if (auto done = perform_(ForgetRemoved{*device}); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return true;
}

Result<void> Sealer::purge(protocol::DeviceKey device) {
  const auto extents = index_->extents(device);
  if (!extents) return std::unexpected(extents.error());
  const auto view = segments_.view();
  for (const DeviceExtent& extent : *extents) {
    if (auto done = check_interrupt(); !done) return done;
    if (view->find_sealed(extent.segment) == nullptr) continue;
    if (auto done = purge_from(extent.segment, device); !done) return done;
  }
  if (auto done = index_->rollups().forget(device); !done) return done;
  return index_->forget(device);
}

Result<void> Sealer::purge_from(std::int64_t segment, protocol::DeviceKey device) {
  const std::filesystem::path path = segments_.file_of(segment);
  auto file = Database::open(path.string(), Access::kWriter);
  if (!file) return explain(path, file.error());
  const std::string sql = fmt::format(
      // EXTRA: what takes the journal away is synced too, or it would undo this after a power cut.
      "PRAGMA synchronous = EXTRA; PRAGMA secure_delete = OFF; BEGIN IMMEDIATE;"
      "DELETE FROM telemetry_data WHERE device = {0};"
      "DELETE FROM telemetry_by_ts WHERE device = {0}; DELETE FROM rollups WHERE device = {0};"
      "DELETE FROM segment_devices WHERE device = {0}; COMMIT;",
      device);
  if (auto done = (*file)->execute(sql); !done) return explain(path, done.error());
  return {};
}

}  // namespace fairlead::store::sqlite
