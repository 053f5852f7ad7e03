#include "store/sqlite/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace fairlead::store::sqlite {

const SealedSegment* SegmentView::find_sealed(std::int64_t id) const {
  const auto found = std::ranges::lower_bound(sealed, id, {}, &SealedSegment::id);
  return found == sealed.end() || found->id != id ? nullptr : &*found;
}

Segments::Segments(std::filesystem::path directory) : directory_(std::move(directory)) {}

std::filesystem::path Segments::file_of(std::int64_t id) const {
  return directory_ / fmt::format("{}.db", id);
}

std::shared_ptr<const SegmentView> Segments::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

template <typename Change>
void Segments::change(Change&& apply) {
  auto next = std::make_shared<SegmentView>(*view());
  apply(*next);
  const std::lock_guard lock(mutex_);
  view_ = std::move(next);
}

void Segments::assign(SegmentView view) {
  change([&view](SegmentView& next) { next = std::move(view); });
}

void Segments::begin(std::shared_ptr<OpenSegment> segment) {
  change([&segment](SegmentView& next) { next.open.push_back(std::move(segment)); });
}

void Segments::seal(const SealedSegment& segment) {
  change([&](SegmentView& next) {
    const auto found =
        std::ranges::find(next.open, segment.id, [](const auto& open) { return open->id(); });
    if (found != next.open.end()) {
      retired_.push_back(std::move(*found));
      next.open.erase(found);
    }
    if (segment.rows > 0) next.sealed.push_back(segment);
  });
}

void Segments::drop_up_to(std::int64_t last) {
  change([last](SegmentView& next) {
    std::erase_if(next.sealed, [last](const SealedSegment& each) { return each.id <= last; });
  });
}

void Segments::forget(protocol::DeviceKey device) {
  for (const auto& open : view()->open) open->forget(device);
}

std::optional<std::int64_t> Segments::next_retired() const {
  for (const auto& segment : retired_) {
    // Views that had it are gone, and nobody can take one any more.
    if (segment.use_count() == 1) return segment->id();
  }
  return std::nullopt;
}

void Segments::forget_retired(std::int64_t id) {
  std::erase_if(retired_, [id](const auto& segment) { return segment->id() == id; });
}

}  // namespace fairlead::store::sqlite
