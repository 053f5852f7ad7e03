#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/connection.h"
#include "telemetry/repository.h"

namespace fairlead::store::postgres {

Outcome<telemetry::Page> read_samples(Connection& connection, const telemetry::Range& range);
Outcome<telemetry::Page> read_samples_from(Connection& connection, protocol::DeviceKey device,
                                           std::int64_t first_offset, std::size_t limit);
Outcome<std::int64_t> first_sample_since(Connection& connection, protocol::DeviceKey device,
                                         std::int64_t since);

// ---- at a start ---------------------------------------------------------------------------------

/// How far a device has come, and the text of its newest values as of some offset.
struct LoadedProgress {
  protocol::DeviceKey device = 0;
  telemetry::Progress progress;
  std::optional<std::string> checkpoint;
};
/// Of devices above `above`, by key, at most kDevicesAtOnce.
Outcome<std::vector<LoadedProgress>> load_progress(Connection& connection,
                                                   protocol::DeviceKey above);

/// Of each device the first kSamplesAtOnce samples above an offset of its own, by offset.
inline constexpr std::int64_t kSamplesAtOnce = 1000;
struct SamplesAbove {
  std::vector<protocol::DeviceKey> devices;
  std::vector<std::int64_t> offsets;
};
using OnSample = std::function<void(protocol::DeviceKey, std::int64_t ts, std::int64_t offset,
                                    std::string_view metrics)>;
Outcome<void> load_samples_above(Connection& connection, const SamplesAbove& wanted,
                                 const OnSample& on_sample);

}  // namespace fairlead::store::postgres
