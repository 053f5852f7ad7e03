#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "app/sim/curve.h"
#include "app/sim/histogram.h"
#include "app/sim/profile.h"
#include "base/random.h"

using namespace fairlead;
using namespace fairlead::app::sim;

namespace {

constexpr std::int64_t kNoon = 1'764'072'000'000;
constexpr std::int64_t kHour = 3'600'000;
constexpr MetricSpec kTemperature{.name = "temperature",
                                  .kind = MetricKind::kNumber,
                                  .unit = "Cel",
                                  .minimum = -40,
                                  .maximum = 60,
                                  .base = 11,
                                  .daily = 6,
                                  .wander = 1,
                                  .noise = 0.1,
                                  .decimals = 1};

}  // namespace

TEST_CASE("the same seed draws the same curve, another seed another") {
  SeededRandom one(7), same(7), other(8);
  const Curve a(kTemperature, one), b(kTemperature, same), c(kTemperature, other);
  bool differs = false;
  for (std::int64_t ts = kNoon; ts < kNoon + 24 * kHour; ts += 17 * 60'000) {
    CHECK(a.at(ts) == b.at(ts));
    differs = differs || a.at(ts) != c.at(ts);
  }
  CHECK(differs);
}

TEST_CASE("a curve is warmer in the afternoon than before dawn, and smooth in between") {
  SeededRandom random(1);
  const Curve curve(kTemperature, random);
  CHECK(curve.at(kNoon + 4 * kHour) > curve.at(kNoon - 8 * kHour) + 6);
  for (std::int64_t ts = kNoon; ts < kNoon + kHour; ts += 1000) {
    CHECK(std::abs(curve.at(ts + 1000) - curve.at(ts)) < 1);
  }
}

TEST_CASE("every metric of every kind of device stays in its declared range for two days") {
  SeededRandom random(3);
  for (const Profile& profile : profiles()) {
    for (const MetricSpec& metric : profile.metrics) {
      const Curve curve(metric, random);
      for (std::int64_t ts = kNoon; ts < kNoon + 48 * kHour; ts += kHour / 6) {
        CAPTURE(metric.name);
        CHECK(curve.at(ts) >= metric.minimum);
        CHECK(curve.at(ts) <= metric.maximum);
      }
    }
  }
}

TEST_CASE("a moved mean is approached, not jumped to") {
  SeededRandom random(1);
  Curve curve(kTemperature, random);
  const double before = curve.at(kNoon);
  curve.move(41, kNoon);
  CHECK(std::abs(curve.at(kNoon + 1000) - before) < 5);
  CHECK(curve.at(kNoon + 300'000) > before + 25);
}

TEST_CASE("a source is due at its rate and stamps readings with their own time") {
  SeededRandom random(1);
  CurveSource source(profiles()[0], 10, random, {.steady_us = 0, .wall_ms = kNoon});
  const std::int64_t first = source.due_us();
  CHECK(first < 100'000);
  const Moment now{.steady_us = first + 50'000, .wall_ms = kNoon + 1000};
  const auto reading = source.take(now);
  REQUIRE(reading.has_value());
  CHECK(std::abs(reading->ts - (now.wall_ms - 50)) <= 1);
  CHECK(reading->metrics.starts_with(R"({"temperature":)"));
  CHECK(std::abs(source.due_us() - first - 100'000) <= 1);
  CHECK_FALSE(source.take(now).has_value());
}

TEST_CASE("quantiles of a histogram are right within three per cent") {
  Histogram histogram;
  CHECK(histogram.quantile(0.5) == 0);
  for (std::int64_t us = 1; us <= 100'000; ++us) histogram.record(us);
  CHECK(histogram.count() == 100'000);
  CHECK(std::abs(static_cast<double>(histogram.quantile(0.5)) - 50'000) < 1'600);
  CHECK(std::abs(static_cast<double>(histogram.quantile(0.99)) - 99'000) < 3'200);
  histogram.record(std::int64_t{1} << 60);
  CHECK(histogram.quantile(1) > 1'000'000'000);
}
