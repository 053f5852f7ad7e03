#include "store/postgres/telemetry.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "store/page.h"
#include "store/postgres/devices.h"
#include "store/postgres/sample_batch.h"

namespace fairlead::store::postgres {
namespace {

// A page ends where its bytes pass kMaxPageBytes (telemetry::Page): what is behind is not sent, but
// for one row that tells of more. The sums are those of the rows before, so the first has none.
#define FAIRLEAD_PAGE(rows, order)                                                              \
  "SELECT \"offset\", ts, at, seq, metrics FROM (SELECT *, row_number() OVER places AS place, " \
  "sum(octet_length(metrics)) OVER places - octet_length(metrics) AS before FROM (" rows        \
  ") AS found WINDOW places AS (ORDER BY " order                                                \
  " ROWS UNBOUNDED PRECEDING)) AS summed WHERE place <= 2 OR before <= 1048576 ORDER BY " order

static_assert(kMaxPageBytes == 1048576, "as in FAIRLEAD_PAGE");

constexpr const char* kReadUp = FAIRLEAD_PAGE(
    "SELECT \"offset\", ts, at, seq, metrics FROM telemetry_data "
    "WHERE device = $1 AND (ts, \"offset\") > ($2, $3) AND ts < $4 "
    "ORDER BY ts, \"offset\" LIMIT $5",
    "ts, \"offset\"");
constexpr const char* kReadDown = FAIRLEAD_PAGE(
    "SELECT \"offset\", ts, at, seq, metrics FROM telemetry_data "
    "WHERE device = $1 AND (ts, \"offset\") < ($2, $3) AND ts >= $4 "
    "ORDER BY ts DESC, \"offset\" DESC LIMIT $5",
    "ts DESC, \"offset\" DESC");
constexpr const char* kReadFrom = FAIRLEAD_PAGE(
    "SELECT \"offset\", ts, at, seq, metrics FROM telemetry_data "
    "WHERE device = $1 AND \"offset\" >= $2 ORDER BY \"offset\" LIMIT $3",
    "\"offset\"");

#undef FAIRLEAD_PAGE

// One day, so one partition.
constexpr const char* kRowOfDay =
    "SELECT \"offset\", at FROM telemetry_data "
    "WHERE device = $1 AND \"offset\" >= $2 AND at >= $3 AND at < $4 ORDER BY \"offset\" LIMIT 1";
constexpr const char* kLastOfDay =
    "SELECT \"offset\" FROM telemetry_data "
    "WHERE device = $1 AND at >= $2 AND at < $3 ORDER BY \"offset\" DESC LIMIT 1";
constexpr const char* kFirstAfter =
    "SELECT \"offset\" FROM telemetry_data "
    "WHERE device = $1 AND at >= $2 ORDER BY \"offset\" LIMIT 1";
constexpr const char* kLoadProgress =
    "SELECT device, \"offset\", epoch, last_seq, last_at, checkpoint "
    "FROM telemetry_progress LEFT JOIN telemetry_latest USING (device) "
    "WHERE device > $1 ORDER BY device LIMIT $2";
constexpr const char* kSamplesAbove =
    "SELECT w.device, t.\"offset\", t.ts, t.metrics FROM unnest($1, $2) AS w (device, above) "
    "CROSS JOIN LATERAL (SELECT \"offset\", ts, metrics FROM telemetry_data "
    "WHERE device = w.device AND \"offset\" > w.above ORDER BY \"offset\" LIMIT $3) AS t";

/// One more than asked for tells whether there are more.
std::int64_t limit_and_one(std::size_t limit) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int64_t>(std::min(limit, kMost)) + 1;
}

/// Rows of (offset, ts, at, seq, metrics).
Outcome<telemetry::Page> page_of(const Outcome<Answer>& answer, std::size_t limit) {
  if (!answer) return std::unexpected(answer.error());
  PageBuilder page(limit);
  for (int row = 0; row < answer->rows(); ++row) {
    const std::string_view metrics = answer->view(row, 4);
    if (!page.takes(metrics.size())) break;
    page.add({.offset = answer->integer(row, 0),
              .ts = answer->integer(row, 1),
              .at = answer->integer(row, 2),
              .seq = answer->integer(row, 3),
              .metrics = std::string(metrics)});
  }
  return page.take();
}

/// Times from `from` on, before `to`.
struct Span {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// Halves the stretch of a day in which the answer lies: `at` does not fall as offsets rise. 0 when
/// nothing of that day is as late.
Outcome<std::int64_t> first_of_day(Connection& connection, protocol::DeviceKey device,
                                   std::int64_t since, Span day) {
  const auto last_row = connection.query(kLastOfDay, device, day.from, day.to);
  if (!last_row) return std::unexpected(last_row.error());
  std::int64_t last = last_row->rows() == 0 ? 0 : last_row->integer(0, 0);
  std::int64_t low = 1;
  std::int64_t answer = 0;
  while (low <= last) {
    const std::int64_t middle = low + (last - low) / 2;
    const auto row = connection.query(kRowOfDay, device, middle, day.from, day.to);
    if (!row) return std::unexpected(row.error());
    if (row->rows() == 0 || row->integer(0, 1) >= since) {
      if (row->rows() != 0) answer = row->integer(0, 0);
      last = middle - 1;
    } else {
      low = row->integer(0, 0) + 1;
    }
  }
  return answer;
}

}  // namespace

Outcome<telemetry::Page> read_samples(Connection& connection, const telemetry::Range& range) {
  // Offsets begin at 1, so 0 stands before all samples of a time.
  std::pair start(range.is_descending ? range.to_ts : range.from_ts, std::int64_t{0});
  if (range.after) {
    const std::pair after(range.after->ts, range.after->offset);
    start = range.is_descending ? std::min(start, after) : std::max(start, after);
  }
  return page_of(
      connection.query(range.is_descending ? kReadDown : kReadUp, range.device, start.first,
                       start.second, range.is_descending ? range.from_ts : range.to_ts,
                       limit_and_one(range.limit)),
      range.limit);
}

Outcome<telemetry::Page> read_samples_from(Connection& connection, protocol::DeviceKey device,
                                           std::int64_t first_offset, std::size_t limit) {
  return page_of(connection.query(kReadFrom, device, first_offset, limit_and_one(limit)), limit);
}

Outcome<std::int64_t> first_sample_since(Connection& connection, protocol::DeviceKey device,
                                         std::int64_t since) {
  // Times of samples are those of a clock; far from it there is no day to be computed.
  constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max() / 2;
  const std::int64_t day = day_of(std::clamp(since, -kFar, kFar));
  const Span span{.from = day * kDayMs, .to = (day + 1) * kDayMs};
  const auto found = first_of_day(connection, device, since, span);
  if (!found || *found != 0) return found;
  const auto later = connection.query(kFirstAfter, device, std::max(since, span.to));
  if (!later) return std::unexpected(later.error());
  return later->rows() == 0 ? 0 : later->integer(0, 0);
}

Outcome<std::vector<LoadedProgress>> load_progress(Connection& connection,
                                                   protocol::DeviceKey above) {
  const auto answer = connection.query(kLoadProgress, above, kDevicesAtOnce);
  if (!answer) return std::unexpected(answer.error());
  std::vector<LoadedProgress> found;
  found.reserve(static_cast<std::size_t>(answer->rows()));
  for (int row = 0; row < answer->rows(); ++row) {
    found.push_back({.device = answer->integer(row, 0),
                     .progress = {.offset = answer->integer(row, 1),
                                  .epoch = answer->optional_text(row, 2),
                                  .last_seq = answer->integer(row, 3),
                                  .last_at = answer->integer(row, 4)},
                     .checkpoint = answer->optional_text(row, 5)});
  }
  return found;
}

Outcome<void> load_samples_above(Connection& connection, const SamplesAbove& wanted,
                                 const OnSample& on_sample) {
  const auto answer =
      connection.query(kSamplesAbove, wanted.devices, wanted.offsets, kSamplesAtOnce);
  if (!answer) return std::unexpected(answer.error());
  for (int row = 0; row < answer->rows(); ++row) {
    on_sample(answer->integer(row, 0), answer->integer(row, 2), answer->integer(row, 1),
              answer->view(row, 3));
  }
  return {};
}

}  // namespace fairlead::store::postgres
