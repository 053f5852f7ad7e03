#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "store/page.h"
#include "store/sqlite/database.h"
#include "telemetry/sample.h"

namespace fairlead::store::sqlite {

/// One more than asked for tells whether there are more.
inline std::int64_t limit_and_one(std::size_t limit) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int64_t>(std::min(limit, kMost)) + 1;
}

/// The row of a query for (offset, ts, at, seq, metrics). Lasts until the next row.
inline telemetry::SampleView sample_of(const Rows& rows) {
  return {.offset = rows.integer(0),
          .ts = rows.integer(1),
          .at = rows.integer(2),
          .seq = rows.integer(3),
          .metrics = rows.view(4)};
}

/// Takes such rows until the page is full, they end, or one is not wanted.
template <typename IsWanted>
Result<void> fill(PageBuilder& page, Rows& rows, IsWanted&& is_wanted) {
  Result<bool> more = rows.next();
  for (; more && *more; more = rows.next()) {
    const telemetry::SampleView sample = sample_of(rows);
    if (!is_wanted(sample) || !page.takes(sample.metrics.size())) break;
    page.add(telemetry::copy(sample));
  }
  if (!more) return std::unexpected(std::move(more.error()));
  return {};
}

}  // namespace fairlead::store::sqlite
