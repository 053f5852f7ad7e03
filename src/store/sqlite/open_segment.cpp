#include "store/sqlite/open_segment.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "store/sqlite/ts_window.h"

namespace fairlead::store::sqlite {

void OpenSegment::append(Rows& rows, const Place& place) {
  if (rows.entries.empty()) {
    rows.first_offset = place.offset;
    rows.min_ts = rows.max_ts = place.ts;
  }
  rows.is_ordered = rows.is_ordered && place.ts >= rows.max_ts;
  rows.min_ts = std::min(rows.min_ts, place.ts);
  rows.max_ts = std::max(rows.max_ts, place.ts);
  rows.entries.push_back({place.ts, place.row});
}

void OpenSegment::add(const telemetry::SampleBlock& block, Row first) {
  const std::lock_guard lock(mutex_);
  if (!first_at_ && block.samples() > 0) first_at_ = block.sample(0).at;
  for (const telemetry::SampleBlock::Part& part : block.parts()) {
    Rows& rows = devices_[part.device];
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const telemetry::SampleView sample = block.sample(i);
      append(rows, {.offset = sample.offset, .ts = sample.ts, .row = first++});
    }
  }
}

Result<void> OpenSegment::add(protocol::DeviceKey device, const Place& place) {
  const std::lock_guard lock(mutex_);
  Rows& rows = devices_[device];
  const std::int64_t next = rows.first_offset + static_cast<std::int64_t>(rows.entries.size());
  if (!rows.entries.empty() && place.offset != next) {
    return fail(Code::kInternal, "it is damaged: {}: device {} has offset {} where {} belongs",
                table_, device, place.offset, next);
  }
  append(rows, place);
  return {};
}

void OpenSegment::note_arrival(std::int64_t at) {
  const std::lock_guard lock(mutex_);
  if (!first_at_) first_at_ = at;
}

std::optional<std::int64_t> OpenSegment::first_at() const {
  const std::shared_lock lock(mutex_);
  return first_at_;
}

void OpenSegment::forget(protocol::DeviceKey device) {
  const std::lock_guard lock(mutex_);
  devices_.erase(device);
}

std::optional<DeviceExtent> OpenSegment::extent(protocol::DeviceKey device) const {
  const std::shared_lock lock(mutex_);
  const auto found = devices_.find(device);
  if (found == devices_.end()) return std::nullopt;
  const Rows& rows = found->second;
  return DeviceExtent{
      .segment = id_,
      .first_offset = rows.first_offset,
      .last_offset = rows.first_offset + static_cast<std::int64_t>(rows.entries.size()) - 1,
      .min_ts = rows.min_ts,
      .max_ts = rows.max_ts,
      .is_ordered = rows.is_ordered};
}

std::vector<protocol::DeviceKey> OpenSegment::devices() const {
  std::vector<protocol::DeviceKey> keys;
  {
    const std::shared_lock lock(mutex_);
    keys.reserve(devices_.size());
    for (const auto& [key, rows] : devices_) keys.push_back(key);
  }
  std::ranges::sort(keys);
  return keys;
}

std::vector<OpenSegment::Place> OpenSegment::places_from(protocol::DeviceKey device,
                                                         std::int64_t first_offset,
                                                         std::size_t limit) const {
  std::vector<Place> places;
  const std::shared_lock lock(mutex_);
  const auto found = devices_.find(device);
  if (found == devices_.end()) return places;
  const Rows& rows = found->second;
  const auto first =
      static_cast<std::size_t>(std::max<std::int64_t>(0, first_offset - rows.first_offset));
  for (std::size_t i = first; i < rows.entries.size() && places.size() < limit; ++i) {
    places.push_back(rows.place(i));
  }
  return places;
}

std::vector<OpenSegment::Place> OpenSegment::places_in(const telemetry::Range& range,
                                                       std::size_t limit) const {
  std::vector<Place> places;
  const TsWindow window(range);
  const std::shared_lock lock(mutex_);
  const auto found = devices_.find(range.device);
  if (found == devices_.end() || limit == 0) return places;
  const Rows& rows = found->second;
  const auto is_before = [&](const Place& one, const Place& other) {
    return window.is_before({one.ts, one.offset}, {other.ts, other.offset});
  };
  const auto step = [&](std::size_t index) {
    const Place place = rows.place(index);
    if (window.holds({place.ts, place.offset})) places.push_back(place);
  };
  if (rows.is_ordered) {
    const auto at_or_behind = [&](std::int64_t ts) {
      return static_cast<std::size_t>(std::ranges::lower_bound(rows.entries, ts, {}, &Entry::ts) -
                                      rows.entries.begin());
    };
    const std::size_t begin = at_or_behind(window.low_ts());
    if (range.is_descending) {
      std::size_t end = at_or_behind(window.high_ts());
      while (end < rows.entries.size() && rows.entries[end].ts == window.high_ts()) ++end;
      for (std::size_t i = end; i > begin && places.size() < limit; --i) step(i - 1);
    } else {
      for (std::size_t i = begin; i < rows.entries.size() && places.size() < limit; ++i) {
        if (rows.entries[i].ts >= range.to_ts) break;
        step(i);
      }
    }
    return places;
  }
  // Late samples: the best `limit` of all, in a heap whose top is the worst of them.
  for (std::size_t i = 0; i < rows.entries.size(); ++i) {
    const Place place = rows.place(i);
    if (!window.holds({place.ts, place.offset})) continue;
    if (places.size() == limit) {
      if (!is_before(place, places.front())) continue;
      std::ranges::pop_heap(places, is_before);
      places.pop_back();
    }
    places.push_back(place);
    std::ranges::push_heap(places, is_before);
  }
  std::ranges::sort_heap(places, is_before);
  return places;
}

}  // namespace fairlead::store::sqlite
