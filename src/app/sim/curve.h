#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "app/sim/profile.h"
#include "app/sim/source.h"
#include "base/random.h"

namespace fairlead::app::sim {

/// One metric over time: a mean, a daily cycle, a slow wander, noise. The same for the same seed
/// and time, smooth but for the noise, within the declared range. The spec outlives it.
class Curve {
 public:
  Curve(const MetricSpec& spec, Random& random);

  /// At `ts` (ms since the epoch), rounded and within range; booleans and labels in 0 to 1.
  double at(std::int64_t ts) const;
  /// From `ts` on the mean approaches `value`, as things with inertia do.
  void move(double value, std::int64_t ts);
  const MetricSpec& spec() const { return *spec_; }
  /// The value as JSON text, appended.
  void write(std::int64_t ts, std::string& out) const;

 private:
  double mean_at(std::int64_t ts) const;

  const MetricSpec* spec_;
  std::array<double, 3> phases_{};
  std::array<double, 3> periods_s_{};
  double shift_ = 0;
  std::uint64_t noise_seed_ = 0;
  double from_ = 0;
  double to_ = 0;
  std::int64_t moved_at_ = 0;
};

/// All metrics of one device, `rate` readings a second.
class CurveSource final : public Source {
 public:
  /// The first reading is due at a random part of the first period, so that a fleet does not beat.
  CurveSource(const Profile& profile, double rate, Random& random, const Moment& start);

  std::int64_t due_us() const override { return static_cast<std::int64_t>(due_us_); }
  std::optional<Reading> take(const Moment& now) override;
  bool waits() const override { return false; }
  void move(std::string_view metric, double value, const Moment& now) override;

 private:
  double period_us_;
  double due_us_;
  std::vector<Curve> curves_;
};

}  // namespace fairlead::app::sim
