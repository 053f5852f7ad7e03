#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "auth/repository.h"
#include "commands/command.h"
#include "devices/device.h"
#include "hub/repository.h"
#include "telemetry/latest.h"
#include "telemetry/sample.h"

namespace fairlead::store {

struct LoadedDevice {
  devices::Device device;
  telemetry::Progress progress;
  telemetry::Latest latest;
};

/// Who used which key for which command.
struct IdempotencyKey {
  std::string tenant;
  std::string issued_by;
  std::string key;
  std::string command;
  std::int64_t issued_at = 0;

  friend bool operator==(const IdempotencyKey&, const IdempotencyKey&) = default;
};

inline constexpr std::int64_t kIdempotencyMs = 24LL * 60 * 60 * 1000;
inline constexpr std::size_t kMaxIdempotencyKeys = 100'000;

/// What a hub takes into memory when it starts.
struct Loaded {
  /// By key.
  std::vector<LoadedDevice> devices;
  /// Not final; by (issued_at, id).
  std::vector<commands::Command> unfinished;
  /// Unexpired.
  std::vector<auth::Revocation> revocations;
  /// By (tenant, subject, name).
  std::vector<hub::DurableSubscription> subscriptions;
  /// Of the last kIdempotencyMs, the newest kMaxIdempotencyKeys; newest first.
  std::vector<IdempotencyKey> keys;
  /// The highest that any device ever had, deleted ones too: the next is above.
  protocol::DeviceKey last_key = 0;
};

}  // namespace fairlead::store
