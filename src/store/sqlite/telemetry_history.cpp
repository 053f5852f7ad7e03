#include "store/sqlite/telemetry_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "store/sqlite/page_merge.h"
#include "store/sqlite/rows.h"

namespace fairlead::store::sqlite {
namespace {

/// Sealed segments that are kept open, by each reading thread.
constexpr std::size_t kMostReaders = 64;
constexpr const char* kLoadProgress =
    "SELECT offset, epoch, last_seq, last_at FROM telemetry_progress WHERE device = ?1";
constexpr const char* kLoadLatest = "SELECT checkpoint FROM telemetry_latest WHERE device = ?1";

/// Where a segment's rows begin in the order asked for, at the earliest.
telemetry::Position first_of(const DeviceExtent& extent, bool is_descending) {
  if (is_descending) return {.ts = extent.max_ts, .offset = extent.last_offset};
  return {.ts = extent.min_ts, .offset = extent.first_offset};
}

telemetry::Page finish_with_more(PageBuilder& page) {
  telemetry::Page built = page.take();
  built.has_more = true;
  return built;
}

}  // namespace

TelemetryHistory::TelemetryHistory(Database& database, const Segments& segments)
    : database_(database),
      segments_(segments),
      load_progress_(database, kLoadProgress),
      load_latest_(database, kLoadLatest) {}

TelemetryHistory::View TelemetryHistory::view() {
  View now = segments_.view();
  if (seen_.lock() != now) {
    readers_.remove_if([&now](const Sealed& each) { return now->find_sealed(each.id) == nullptr; });
    seen_ = now;
  }
  return now;
}

Result<SegmentIndex*> TelemetryHistory::index() {
  if (!index_) {
    auto opened = SegmentIndex::open(segments_.index_file(), Access::kReader);
    if (!opened) return std::unexpected(std::move(opened.error()));
    index_ = std::move(*opened);
  }
  return index_.get();
}

Result<SegmentReader*> TelemetryHistory::reader(std::int64_t segment) {
  const auto found = std::ranges::find(readers_, segment, &Sealed::id);
  if (found != readers_.end()) {
    readers_.splice(readers_.begin(), readers_, found);
    return found->reader.get();
  }
  auto opened = SegmentReader::open(segments_.file_of(segment));
  if (!opened) return std::unexpected(std::move(opened.error()));
  if (readers_.size() == kMostReaders) readers_.pop_back();
  readers_.push_front({.id = segment, .reader = std::move(*opened)});
  return readers_.front().reader.get();
}

TelemetryHistory::OpenTable::OpenTable(Database& database, const OpenSegment& segment)
    : sql(fmt::format("SELECT offset, ts, at, seq, metrics FROM {} WHERE rowid = ?1",
                      segment.table())),
      by_row(database, sql) {}

Statement& TelemetryHistory::by_row(const OpenSegment& segment) {
  const auto found = tables_.find(segment.id());
  if (found != tables_.end()) return found->second.by_row;
  // Those of tables that are gone would never be used again.
  tables_.erase(tables_.begin(), tables_.lower_bound(segments_.view()->open.front()->id()));
  return tables_.try_emplace(segment.id(), database_, segment).first->second.by_row;
}

Result<telemetry::Page> TelemetryHistory::read_open(const OpenSegment& segment,
                                                    const std::vector<OpenSegment::Place>& places,
                                                    std::size_t limit) {
  const ReadTransaction transaction(database_);
  PageBuilder page(limit);
  for (const OpenSegment::Place& place : places) {
    Rows rows = by_row(segment).query(std::int64_t{place.row});
    const Result<bool> found = rows.next();
    if (!found) return std::unexpected(found.error());
    if (!*found) return fail(Code::kInternal, "{} lacks row {}", segment.table(), place.row);
    const telemetry::SampleView sample = sample_of(rows);
    if (!page.takes(sample.metrics.size())) break;
    page.add(telemetry::copy(sample));
  }
  return page.take();
}

Result<std::vector<DeviceExtent>> TelemetryHistory::sealed_between(const SegmentView& view,
                                                                   const telemetry::Range& range) {
  if (view.sealed.empty()) return std::vector<DeviceExtent>();
  const auto opened = index();
  if (!opened) return std::unexpected(opened.error());
  const TsWindow window(range);
  auto extents = (*opened)->extents_between(range.device, window.low_ts(), window.high_ts());
  if (!extents) return extents;
  std::erase_if(*extents, [&view](const DeviceExtent& extent) {
    return view.find_sealed(extent.segment) == nullptr;
  });
  return extents;
}

Result<telemetry::Page> TelemetryHistory::read(const telemetry::Range& range) {
  const View view = this->view();
  const TsWindow window(range);
  auto extents = sealed_between(*view, range);
  if (!extents) return std::unexpected(std::move(extents.error()));
  for (const auto& open : view->open) {
    if (const auto extent = open->extent(range.device)) extents->push_back(*extent);
  }
  std::ranges::sort(*extents, [&](const DeviceExtent& one, const DeviceExtent& other) {
    return window.is_before(first_of(one, range.is_descending),
                            first_of(other, range.is_descending));
  });
  PageMerge merge(window, range.limit);
  for (const DeviceExtent& extent : *extents) {
    if (merge.is_done(first_of(extent, range.is_descending))) break;
    const auto open =
        std::ranges::find(view->open, extent.segment, [](const auto& each) { return each->id(); });
    Result<telemetry::Page> page;
    if (open != view->open.end()) {
      page = read_open(**open, (*open)->places_in(range, merge.wanted() + 1), merge.wanted());
    } else {
      const auto sealed = reader(extent.segment);
      if (!sealed) return std::unexpected(sealed.error());
      page = (*sealed)->read(range, extent, merge.wanted());
    }
    if (!page) return page;
    merge.take(std::move(*page));
  }
  return merge.finish();
}

Result<telemetry::Page> TelemetryHistory::read_from(protocol::DeviceKey device,
                                                    std::int64_t first_offset, std::size_t limit) {
  const View view = this->view();
  PageBuilder page(limit);
  const auto take = [&](Result<telemetry::Page> part) -> Result<bool> {
    if (!part) return std::unexpected(std::move(part.error()));
    for (telemetry::Sample& sample : part->samples) {
      if (!page.takes(sample.metrics.size())) return true;
      page.add(std::move(sample));
    }
    return part->has_more;
  };
  if (!view->sealed.empty()) {
    const auto opened = index();
    if (!opened) return std::unexpected(opened.error());
    const auto extents = (*opened)->extents(device, first_offset);
    if (!extents) return std::unexpected(extents.error());
    for (const DeviceExtent& extent : *extents) {
      if (view->find_sealed(extent.segment) == nullptr) continue;
      const auto sealed = reader(extent.segment);
      if (!sealed) return std::unexpected(sealed.error());
      const Result<bool> is_full = take((*sealed)->read_from(device, first_offset, limit));
      if (!is_full) return std::unexpected(is_full.error());
      if (*is_full) return finish_with_more(page);
    }
  }
  for (const auto& open : view->open) {
    const auto places = open->places_from(device, first_offset, limit + 1);
    const Result<bool> is_full = take(read_open(*open, places, limit));
    if (!is_full) return std::unexpected(is_full.error());
    if (*is_full) return finish_with_more(page);
  }
  return page.take();
}

Result<std::int64_t> TelemetryHistory::first_since(protocol::DeviceKey device, std::int64_t since) {
  const View view = this->view();
  if (!view->sealed.empty()) {
    const auto opened = index();
    if (!opened) return std::unexpected(opened.error());
    const auto extents = (*opened)->extents(device);
    if (!extents) return std::unexpected(extents.error());
    for (const DeviceExtent& extent : *extents) {
      const SealedSegment* segment = view->find_sealed(extent.segment);
      if (segment == nullptr || segment->max_at < since) continue;
      const auto sealed = reader(extent.segment);
      if (!sealed) return std::unexpected(sealed.error());
      const auto first = (*sealed)->first_since(extent, device, since);
      if (!first || *first != 0) return first;
    }
  }
  for (const auto& open : view->open) {
    const auto first = first_since_open(*open, device, since);
    if (!first || *first != 0) return first;
  }
  return 0;
}

/// Halves the stretch in which the answer lies: `at` does not fall as offsets rise.
Result<std::int64_t> TelemetryHistory::first_since_open(const OpenSegment& segment,
                                                        protocol::DeviceKey device,
                                                        std::int64_t since) {
  const auto extent = segment.extent(device);
  if (!extent) return 0;
  std::int64_t low = extent->first_offset;
  std::int64_t high = extent->last_offset + 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto page = read_open(segment, segment.places_from(device, middle, 1), 1);
    if (!page) return std::unexpected(page.error());
    // Removed meanwhile.
    if (page->samples.empty()) return 0;
    if (page->samples.front().at >= since) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low > extent->last_offset ? 0 : low;
}

Result<telemetry::Progress> TelemetryHistory::progress(protocol::DeviceKey device) {
  Rows rows = load_progress_.query(device);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  if (!*found) return telemetry::Progress{};
  return telemetry::Progress{.offset = rows.integer(0),
                             .epoch = rows.optional_text(1),
                             .last_seq = rows.integer(2),
                             .last_at = rows.integer(3)};
}

Result<telemetry::Latest> TelemetryHistory::latest(protocol::DeviceKey device) {
  telemetry::Latest latest;
  Rows rows = load_latest_.query(device);
  const Result<bool> found = rows.next();
  if (!found) return std::unexpected(found.error());
  // One that cannot be read is made again from what open segments have.
  if (*found && !latest.restore(rows.view(0))) latest = {};
  return latest;
}

Result<void> TelemetryHistory::for_each_open(
    const std::function<void(protocol::DeviceKey, const telemetry::SampleView&)>& each) {
  for (const auto& open : segments_.view()->open) {
    const std::string sql =
        "SELECT offset, ts, at, seq, metrics, device FROM " + open->table() + " ORDER BY rowid";
    Statement statement(database_, sql);
    Rows rows = statement.query();
    Result<bool> more = rows.next();
    for (; more && *more; more = rows.next()) each(rows.integer(5), sample_of(rows));
    if (!more) return std::unexpected(std::move(more.error()));
  }
  return {};
}

}  // namespace fairlead::store::sqlite
