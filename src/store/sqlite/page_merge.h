#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "store/page.h"
#include "store/sqlite/ts_window.h"

namespace fairlead::store::sqlite {

/// Puts pages of several segments, each in the order of one range, together to one.
class PageMerge {
 public:
  PageMerge(const TsWindow& window, std::size_t limit) : window_(window), limit_(limit) {}

  /// How many rows of one segment can matter: one beyond the limit tells that there are more.
  std::size_t wanted() const { return limit_ + 1; }

  void take(telemetry::Page page) {
    if (page.has_more && !page.samples.empty()) {
      // What this segment has behind its last row is not known.
      const telemetry::Position last = place(page.samples.back());
      if (!horizon_ || window_.is_before(last, *horizon_)) horizon_ = last;
    }
    std::ranges::move(page.samples, std::back_inserter(rows_));
    std::ranges::sort(rows_, [this](const auto& one, const auto& other) {
      return window_.is_before(place(one), place(other));
    });
    while (horizon_ && !rows_.empty() && window_.is_before(*horizon_, place(rows_.back()))) {
      rows_.pop_back();
    }
    if (rows_.size() > wanted()) rows_.resize(wanted());
  }

  /// Whether a segment whose first row is not before `first` can be left out.
  bool is_done(const telemetry::Position& first) const {
    if (horizon_ && window_.is_before(*horizon_, first)) return true;
    return rows_.size() == wanted() && window_.is_before(place(rows_.back()), first);
  }

  telemetry::Page finish() {
    PageBuilder page(limit_);
    for (telemetry::Sample& row : rows_) {
      if (!page.takes(row.metrics.size())) break;
      page.add(std::move(row));
    }
    telemetry::Page built = page.take();
    built.has_more = built.has_more || horizon_.has_value();
    return built;
  }

 private:
  static telemetry::Position place(const telemetry::Sample& sample) {
    return {.ts = sample.ts, .offset = sample.offset};
  }

  const TsWindow& window_;
  const std::size_t limit_;
  std::vector<telemetry::Sample> rows_;
  std::optional<telemetry::Position> horizon_;
};

}  // namespace fairlead::store::sqlite
