#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fairlead::protocol {

/// A request's `id` as JSON text (`"7"` with its quotes, or `7`), ready to be sent back; empty when
/// the request had none.
struct RequestId {
  std::string json;

  bool is_none() const { return json.empty(); }
  friend bool operator==(const RequestId&, const RequestId&) = default;
};

/// A member that may be absent (outer nullopt), null (inner nullopt) or have a value.
template <typename T>
using Patch = std::optional<std::optional<T>>;

enum class ValueKind : std::uint8_t { kNumber, kBoolean, kString };

/// One metric of a sample. Views last until the next parse.
struct MetricView {
  std::string_view name;
  ValueKind kind = ValueKind::kNumber;
  /// A string's value, unescaped; a number's or boolean's own text.
  std::string_view text;
  /// For numbers.
  double number = 0;
};

/// One sample as the device sent it. Views last until the next parse.
struct SampleView {
  std::optional<std::int64_t> ts;
  std::optional<std::int64_t> seq;
  /// The `metrics` object as JSON: the device's own bytes.
  std::string_view metrics_json;
  std::span<const MetricView> metrics;
};

/// `telemetry` and `telemetry.batch` (and the body of POST …/telemetry).
struct Telemetry {
  std::optional<std::string_view> epoch;
  std::span<const SampleView> samples;
  /// Whether errors name samples (`samples[1].metrics…`).
  bool is_batch = false;
};

struct Auth {
  std::string token;
};

struct DeviceRegister {
  Patch<std::string> name;
  Patch<std::string> device_type;
  Patch<std::string> firmware;
  /// JSON text of an object that Capabilities::parse has accepted.
  Patch<std::string> capabilities;
  /// JSON text of an object.
  Patch<std::string> metadata;
};

/// PUT and PATCH /v1/devices/{id}: as a register, and the switch that cuts a device off.
struct DeviceWrite {
  DeviceRegister entry;
  std::optional<bool> disabled;
};

struct DeviceStatus {
  std::string status;
  std::optional<std::string> detail;
};

struct Heartbeat {};

struct CommandAccept {
  std::string command;
};

struct CommandResult {
  std::string command;
  bool executed = false;
  /// JSON text; absent is nullopt (`null` is a value).
  std::optional<std::string> result;
  /// JSON text of `{code, message}`.
  std::optional<std::string> error;
};

/// Which events a subscription wants, as bits.
enum class EventBit : std::uint8_t {
  kTelemetry = 1,
  kPresence = 2,
  kStatus = 4,
  kDevice = 8,
  kCommand = 16,
};

struct Subscribe {
  std::vector<std::string> devices;
  /// Bits of EventBit; nullopt: all that the token permits.
  std::optional<std::uint8_t> events;
  /// Sorted, no doubles; nullopt: all.
  std::optional<std::vector<std::string>> metrics;
  std::int64_t min_interval_ms = 0;
  /// Last offset seen, by device.
  std::vector<std::pair<std::string, std::int64_t>> after;
  std::optional<std::int64_t> since;
  std::optional<std::string> durable;
};

struct Unsubscribe {
  std::optional<std::string> subscription;
  std::optional<std::string> durable;
};

/// `command.send`, and the body of POST /v1/devices/{id}/commands (where the path names the
/// device).
struct CommandSend {
  std::string device;
  std::string name;
  /// JSON text of any value; nullopt: none.
  std::optional<std::string> params;
  std::int64_t timeout_ms = 0;
  bool queue = false;
  std::optional<std::string> idempotency_key;
};

struct CommandCancel {
  std::string command;
};

struct CommandGet {
  std::string command;
};

/// `fleet.send`, and the body of POST /v1/fleet-commands.
struct FleetSend {
  std::vector<std::string> devices;
  /// `device` stays empty.
  CommandSend command;
  std::int64_t max_in_flight = 100;
  std::optional<std::int64_t> stop_after_failures;
};

struct FleetGet {
  std::string fleet;
};

struct FleetCancel {
  std::string fleet;
};

using Request = std::variant<Auth, Telemetry, DeviceRegister, DeviceStatus, Heartbeat,
                             CommandAccept, CommandResult, Subscribe, Unsubscribe, CommandSend,
                             CommandCancel, CommandGet, FleetSend, FleetGet, FleetCancel>;

}  // namespace fairlead::protocol
