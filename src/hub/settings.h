#pragma once

#include <cstddef>
#include <cstdint>

#include "hub/meter.h"

namespace fairlead::hub {

/// What the operator sets for connections (see docs/configuration.md); values are checked where
/// they are read.
struct Settings {
  std::int64_t auth_timeout_ms = 5000;
  std::int64_t heartbeat_ms = 30'000;
  std::size_t max_message_bytes = 65'536;
  std::int64_t messages_per_second = 200;
  std::int64_t burst = 400;
  /// 0 here and below: any number.
  std::int64_t bytes_per_second = 0;
  /// Of one device, over its connections and HTTP.
  std::int64_t device_messages_per_second = 0;
  std::int64_t device_burst = 400;
  std::int64_t device_bytes_per_second = 0;
  /// Of all that a tenant's devices and clients send.
  std::int64_t tenant_messages_per_second = 0;
  std::int64_t tenant_burst = 10'000;
  std::int64_t tenant_bytes_per_second = 0;
  RateLimit connection_rate() const {
    return {messages_per_second, burst, bytes_per_second, longest_message()};
  }
  RateLimit device_rate() const {
    return {device_messages_per_second, device_burst, device_bytes_per_second, longest_message()};
  }
  RateLimit tenant_rate() const {
    return {tenant_messages_per_second, tenant_burst, tenant_bytes_per_second, longest_message()};
  }
  std::int64_t longest_message() const { return static_cast<std::int64_t>(max_message_bytes); }
  /// Over all shards.
  std::size_t connections = 100'000;
  std::size_t connections_per_ip = 0;
  /// Of one client.
  std::size_t connections_per_principal = 10'000;
  std::size_t handshakes = 10'000;
  std::size_t memory_bytes = std::size_t{1} << 30;
  std::size_t queued_commands_per_device = 50;
  /// Of one tenant: commands to many that have not ended.
  std::size_t fleets_per_tenant = 100;
  /// Of one command to many.
  std::size_t fleet_devices = 100'000;
  std::size_t outbox_bytes = 1'048'576;
  /// Of one client.
  std::size_t durable_subscriptions = 100;
  /// How long one stays that is not used.
  std::int64_t durable_ttl_s = 7 * 24 * 3600;
  /// How long ended connections stay in the log; 0: for ever.
  std::int64_t connection_log_days = 30;
  /// How long finished commands are kept; 0: for ever. Not shorter than keys are remembered.
  std::int64_t command_days = 30;
  std::size_t idempotency_keys_per_principal = 10'000;
};

// Fixed for now; each bounds one queue.

/// Answers one connection may have outstanding before its reading pauses.
inline constexpr std::size_t kMaxOpenReplies = 1024;
/// Subscriptions one connection may hold.
inline constexpr std::size_t kMaxSubscriptions = 256;
/// Replacements of a device's connection within kTakeoverWindowMs before both are sent away.
inline constexpr std::size_t kMaxTakeovers = 10;
inline constexpr std::int64_t kTakeoverWindowMs = 60'000;
inline constexpr std::int64_t kTakeoverPenaltyMs = 60'000;
/// When to come again to a hub, or for a client, without a free place.
inline constexpr std::int64_t kFullRetryMs = 5000;
/// How long a connection may stay over its rate.
inline constexpr std::int64_t kMaxOverRateMs = 10'000;
/// Before a token's expiry its holder is told.
inline constexpr std::int64_t kExpiryNoticeMs = 60'000;
/// After a restart, devices come back spread over this time.
inline constexpr std::uint64_t kMinRestartRetryMs = 500;
inline constexpr std::uint64_t kMaxRestartRetryMs = 5000;
/// Ended connections whose log rows may wait for a store that fails.
inline constexpr std::size_t kMaxUnlogged = 100'000;
/// How often expired revocations and old rows of the connection log are dropped from the store.
inline constexpr std::int64_t kForgetEveryMs = 3'600'000;
inline constexpr std::int64_t kDayMs = 86'400'000;
/// Stored `last_seen` of a connected device is at most this old.
inline constexpr std::int64_t kTouchEveryMs = 60'000;

}  // namespace fairlead::hub
