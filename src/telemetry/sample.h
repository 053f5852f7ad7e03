#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/rare.h"
#include "protocol/device_ref.h"

namespace fairlead::telemetry {

/// A place in the order of (ts, offset).
struct Position {
  std::int64_t ts = 0;
  std::int64_t offset = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

/// One stored sample. Times in ms since the Unix epoch.
struct Sample {
  /// 1 for a device's first stored sample, then rising by one.
  std::int64_t offset = 0;
  /// When it was measured, as the device says.
  std::int64_t ts = 0;
  /// When it arrived; does not fall as `offset` rises.
  std::int64_t at = 0;
  /// The device's own number; 0 for none.
  std::int64_t seq = 0;
  /// The `metrics` object: the device's own bytes.
  std::string metrics;

  friend bool operator==(const Sample&, const Sample&) = default;
};

/// The same, of bytes that somebody else keeps.
struct SampleView {
  std::int64_t offset = 0;
  std::int64_t ts = 0;
  std::int64_t at = 0;
  std::int64_t seq = 0;
  std::string_view metrics;
};

inline SampleView view(const Sample& sample) {
  return {.offset = sample.offset,
          .ts = sample.ts,
          .at = sample.at,
          .seq = sample.seq,
          .metrics = sample.metrics};
}

inline Sample copy(const SampleView& sample) {
  return {.offset = sample.offset,
          .ts = sample.ts,
          .at = sample.at,
          .seq = sample.seq,
          .metrics = std::string(sample.metrics)};
}

/// How far a device has come: what exactly-once and resuming rest on. Stored with its samples.
struct Progress {
  /// Of the last sample; 0 before the first.
  std::int64_t offset = 0;
  /// What `seq` counts in; nullopt before the first sample that named one.
  Rare<std::string> epoch;
  /// Highest in `epoch`; 0 before the first.
  std::int64_t last_seq = 0;
  /// `at` of the last sample.
  std::int64_t last_at = 0;

  friend bool operator==(const Progress&, const Progress&) = default;
};

}  // namespace fairlead::telemetry
