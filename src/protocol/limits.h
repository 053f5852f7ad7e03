#pragma once

#include <cstddef>
#include <cstdint>

namespace fairlead::protocol {

// The fixed limits of the protocol; what the operator may change is in `app/settings.h`.
inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxDeviceIdLength = 128;
inline constexpr std::size_t kMaxTenantLength = 64;
inline constexpr std::size_t kMaxRequestIdLength = 64;
inline constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
inline constexpr std::size_t kMaxMetrics = 256;
inline constexpr std::size_t kMaxMetricNameLength = 64;
inline constexpr std::size_t kMaxMetricTextBytes = 1024;
inline constexpr std::size_t kMaxBatchSamples = 1000;
inline constexpr std::size_t kMaxEpochLength = 64;
inline constexpr std::int64_t kMaxAheadMs = 24LL * 60 * 60 * 1000;
inline constexpr std::int64_t kMinCommandTimeoutMs = 100;
inline constexpr std::int64_t kMaxCommandTimeoutMs = 86'400'000;
inline constexpr std::int64_t kDefaultCommandTimeoutMs = 10'000;
inline constexpr std::size_t kMaxSnapshotDevices = 1000;
inline constexpr std::size_t kMaxDurableNameLength = 64;
inline constexpr std::size_t kMaxSubscribeDevices = 1000;
inline constexpr std::size_t kMaxNameLength = 256;
inline constexpr std::size_t kMaxCommandNameLength = 128;
inline constexpr std::size_t kMaxIdempotencyKeyLength = 256;
inline constexpr std::size_t kMaxCommandIdLength = 64;
inline constexpr std::size_t kMaxStatusDetailLength = 1024;
inline constexpr std::int64_t kMaxIntervalMs = 3'600'000;
inline constexpr std::int64_t kDefaultMaxInFlight = 100;
inline constexpr std::size_t kMaxDeclaredCommands = 256;
inline constexpr std::size_t kMaxCapabilitiesBytes = 65'536;
inline constexpr int kMaxBadInARow = 20;
/// Problems named in one error; what is more is only counted.
inline constexpr std::size_t kMaxProblems = 32;
/// Values (members and elements at all depths) in one message.
inline constexpr std::size_t kMaxValues = 400'000;

// The largest batch fits, with what stands around its metrics.
static_assert(kMaxBatchSamples * (kMaxMetrics + 4) + 8 <= kMaxValues);
static_assert(kMinCommandTimeoutMs < kDefaultCommandTimeoutMs);
static_assert(kDefaultCommandTimeoutMs < kMaxCommandTimeoutMs);

}  // namespace fairlead::protocol
