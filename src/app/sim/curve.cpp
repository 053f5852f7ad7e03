#include "app/sim/curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

namespace fairlead::app::sim {
namespace {

constexpr double kDaySeconds = 86'400;
/// Two thirds of the way to a new mean in this time.
constexpr double kInertiaMs = 20'000;
/// A reading that is later than this is not made up for.
constexpr double kLatestUs = 5e6;

double unit_interval(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

/// SplitMix64: a well mixed number for each input.
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

/// About normal with deviation 1: the sum of four uniform parts.
double noise_at(std::uint64_t seed, std::int64_t ts) {
  const std::uint64_t bits = mixed(seed ^ static_cast<std::uint64_t>(ts));
  double sum = 0;
  for (int part = 0; part < 4; ++part) {
    sum += static_cast<double>((bits >> (part * 16)) & 0xFFFF) / 65536.0 - 0.5;
  }
  return sum * std::numbers::sqrt3;
}

}  // namespace

Curve::Curve(const MetricSpec& spec, Random& random)
    : spec_(&spec), noise_seed_(random.next()), from_(spec.base), to_(spec.base) {
  // Minutes, an hour, hours: apart enough that the sum does not visibly repeat.
  static constexpr std::array<double, 3> kPeriods = {420, 2900, 17'000};
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    phases_[i] = unit_interval(random.next()) * 2 * std::numbers::pi;
    periods_s_[i] = kPeriods[i] * (0.8 + 0.4 * unit_interval(random.next()));
  }
  // No two devices of a kind stand at the same spot.
  shift_ = (unit_interval(random.next()) - 0.5) * spec.wander;
}

double Curve::mean_at(std::int64_t ts) const {
  if (from_ == to_ || ts < moved_at_) return from_;
  return to_ + (from_ - to_) * std::exp(static_cast<double>(moved_at_ - ts) / kInertiaMs);
}

double Curve::at(std::int64_t ts) const {
  const double seconds = static_cast<double>(ts) / 1000;
  constexpr double kTurn = 2 * std::numbers::pi;
  // Lowest at four in the morning, highest at four in the afternoon (UTC).
  const double daily = -std::cos(kTurn * (seconds / kDaySeconds - 4.0 / 24));
  double wander = 0;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    wander += std::sin(kTurn * seconds / periods_s_[i] + phases_[i]) / 3;
  }
  double value = mean_at(ts) + shift_ + spec_->daily * daily + spec_->wander * wander;
  if (spec_->noise > 0) value += spec_->noise * noise_at(noise_seed_, ts);
  if (spec_->kind == MetricKind::kNumber || spec_->kind == MetricKind::kInteger) {
    const double scale = std::pow(10.0, spec_->decimals);
    value = std::round(value * scale) / scale + 0.0;  // never -0
  }
  return std::clamp(value, spec_->minimum, spec_->maximum);
}

void Curve::move(double value, std::int64_t ts) {
  from_ = mean_at(ts);
  to_ = std::clamp(value, spec_->minimum, spec_->maximum);
  moved_at_ = ts;
}

void Curve::write(std::int64_t ts, std::string& out) const {
  const double value = at(ts);
  const auto into = std::back_inserter(out);
  switch (spec_->kind) {
    case MetricKind::kNumber:
      fmt::format_to(into, "{:.{}f}", value, spec_->decimals);
      break;
    case MetricKind::kInteger:
      fmt::format_to(into, "{}", static_cast<std::int64_t>(value));
      break;
    case MetricKind::kBoolean:
      out += value >= 0.5 ? "true" : "false";
      break;
    case MetricKind::kLabel: {
      const double count = static_cast<double>(spec_->labels.size());
      const auto index = static_cast<std::size_t>(std::min(value * count, count - 1));
      fmt::format_to(into, "\"{}\"", spec_->labels[index]);
      break;
    }
  }
}

CurveSource::CurveSource(const Profile& profile, double rate, Random& random, const Moment& start)
    : period_us_(1e6 / rate),
      due_us_(static_cast<double>(start.steady_us) + unit_interval(random.next()) * period_us_) {
  curves_.reserve(profile.metrics.size());
  for (const MetricSpec& metric : profile.metrics) curves_.emplace_back(metric, random);
}

std::optional<Reading> CurveSource::take(const Moment& now) {
  const double late_us = static_cast<double>(now.steady_us) - due_us_;
  if (late_us < 0) return std::nullopt;
  Reading reading{.ts = now.wall_ms - static_cast<std::int64_t>(late_us / 1000), .metrics = "{"};
  for (const Curve& curve : curves_) {
    if (reading.metrics.size() > 1) reading.metrics += ',';
    fmt::format_to(std::back_inserter(reading.metrics), "\"{}\":", curve.spec().name);
    curve.write(reading.ts, reading.metrics);
  }
  reading.metrics += '}';
  due_us_ += period_us_;
  if (late_us > kLatestUs) due_us_ = static_cast<double>(now.steady_us) + period_us_;
  return reading;
}

void CurveSource::move(std::string_view metric, double value, const Moment& now) {
  for (Curve& curve : curves_) {
    if (curve.spec().name == metric) curve.move(value, now.wall_ms);
  }
}

}  // namespace fairlead::app::sim
