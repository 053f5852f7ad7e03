#pragma once

#include <boost/container/small_vector.hpp>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/frame.h"
#include "hub/session_number.h"
#include "protocol/device_ref.h"

namespace fairlead::hub {

/// A subscription's number within its connection: `s1` is 1.
using SubscriptionNumber = std::uint32_t;

inline std::string subscription_name(SubscriptionNumber number) {
  return "s" + std::to_string(number);
}

/// The inverse; nullopt for what never was a subscription's name.
inline std::optional<SubscriptionNumber> subscription_number(std::string_view name) {
  SubscriptionNumber number = 0;
  if (!name.starts_with('s')) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

/// Which connection gets an event, and which of its subscriptions asked for it (none: it is told
/// for another reason, such as having sent the command).
struct Recipient {
  SessionNumber session = 0;
  boost::container::small_vector<SubscriptionNumber, 2> subscriptions;
  /// The smallest of theirs; 0: every event.
  std::int64_t min_interval_ms = 0;
};

/// Telemetry may be conflated or dropped for a slow reader (and is then accounted for); the rest is
/// kept.
enum class EventClass : std::uint8_t { kTelemetry, kReplay, kControl };

/// Encoded for connections of one shard, on the device's home shard: one event, or consecutive
/// samples in one frame.
struct Event {
  EventClass event_class = EventClass::kControl;
  SharedFrame frame;
  /// Of the one sample to be conflated.
  protocol::DeviceKey device = 0;
  /// When the (first) sample arrived.
  std::int64_t at = 0;
};

/// Shared by the events that go to the same connections.
using Recipients = std::shared_ptr<const std::vector<Recipient>>;

}  // namespace fairlead::hub
