// A year of one metric at 1 Hz, as a chart of it asks for it, from a disk that has to be read.
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "bench/filled_store.h"
#include "bench/http_line.h"
#include "bench/peers.h"
#include "bench/rows.h"

namespace fairlead::bench {
namespace {

/// 2025-01-01T00:00:00Z
constexpr std::int64_t kFromMs = 1'735'689'600'000;
constexpr std::int64_t kYearSeconds = std::int64_t{365} * 24 * 3600;
constexpr std::int64_t kQuickSeconds = std::int64_t{20} * 24 * 3600;
/// As many points as a screen has columns, about.
constexpr std::int64_t kBucketMs = std::int64_t{12} * 3600 * 1000;

std::int64_t count_of(std::string_view text, std::string_view part) {
  std::int64_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

}  // namespace

Result<Measured> measure_chart(Lab& lab) {
  const std::int64_t seconds = lab.choices().is_quick ? kQuickSeconds : kYearSeconds;
  const auto data = filled_store(lab.choices().data_directory,
                                 {.samples_each = seconds, .from_ms = kFromMs, .is_sealed = true});
  if (!data) return std::unexpected(data.error());
  const auto hub = lab.start_hub_on(*data);
  if (!hub) return std::unexpected(hub.error());
  auto line = HttpLine::open((*hub)->port(), lab.client_token());
  if (!line) return std::unexpected(line.error());
  if (auto dropped = drop_cached_files(*data); !dropped) return std::unexpected(dropped.error());
  const std::int64_t begin = now_ns();
  const auto chart =
      line->get(fmt::format("/v1/devices/meter-1/telemetry?from={}&to={}&bucket_ms={}&metrics=power"
                            "&aggregate=avg,min,max&limit=1000",
                            kFromMs, kFromMs + seconds * 1000, kBucketMs));
  const std::int64_t end = now_ns();
  if (!chart) return std::unexpected(chart.error());
  const std::int64_t points = count_of(*chart, R"("avg":)");
  if (points != seconds * 1000 / kBucketMs) {
    return fail(Code::kInternal, "the chart has {} points", points);
  }
  return Measured{.hub = static_cast<double>(end - begin) / 1e6};
}

}  // namespace fairlead::bench
