#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fairlead::app::sim {

enum class MetricKind : std::uint8_t { kNumber, kInteger, kBoolean, kLabel };

/// One metric of a kind of device and the shape of its curve.
struct MetricSpec {
  std::string_view name;
  MetricKind kind = MetricKind::kNumber;
  /// UCUM, as in `Cel`; empty: none.
  std::string_view unit;
  double minimum = 0;
  double maximum = 0;
  /// The mean, and how far the daily cycle, the slow wander and the noise move it.
  double base = 0;
  double daily = 0;
  double wander = 0;
  double noise = 0;
  int decimals = 0;
  /// For kLabel: the values, from the lowest part of the curve's range to the highest.
  std::span<const std::string_view> labels{};
};

/// One command that a kind of device obeys.
struct CommandSpec {
  std::string_view name;
  std::string_view description;
  /// JSON Schema, draft 7.
  std::string_view params;
  /// How long it takes, ms.
  std::int64_t least_ms = 0;
  std::int64_t most_ms = 0;
  /// The number in `params` that becomes the mean of `metric`; both empty: nothing moves.
  std::string_view param;
  std::string_view metric;
};

/// A kind of device.
struct Profile {
  std::string_view device_type;
  std::string_view firmware;
  std::span<const MetricSpec> metrics;
  std::span<const CommandSpec> commands;
};

/// The kinds there are; a fleet goes through them in turn.
std::span<const Profile> profiles();

/// A device that plays a recording: its metrics are the recording's.
const Profile& recorder();

/// The `capabilities` object of protocol section 3.
std::string capabilities_of(const Profile& profile);

/// The same with these metrics, a JSON object, in place of the profile's.
std::string capabilities_of(const Profile& profile, std::string_view metrics_json);

}  // namespace fairlead::app::sim
