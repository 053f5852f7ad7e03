#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/json_writer.h"
#include "protocol/requests.h"

namespace fairlead::protocol {

// What the hub says. Each write appends one message as JSON text, without a frame. Views are read
// during the call only; a member named `…_json` is valid JSON text and goes out as it is.

/// First of all on a connection.
struct Welcome {
  std::string_view connection;
  /// `device` or `client`.
  std::string_view kind;
  std::string_view subject;
  std::string_view tenant;
  std::int64_t server_time = 0;
  /// nullopt for a token that does not expire.
  std::optional<std::int64_t> expires_at{};
  std::int64_t heartbeat_ms = 0;
  std::int64_t max_message_bytes = 0;
  std::int64_t messages_per_second = 0;
  std::int64_t burst = 0;
  /// nullopt: any number.
  std::optional<std::int64_t> bytes_per_second{};
  /// From where a device resumes; nullopt for clients.
  struct Resume {
    std::optional<std::string_view> epoch{};
    std::int64_t last_seq = 0;
  };
  std::optional<Resume> telemetry{};
};

struct TelemetryEvent {
  std::string_view device;
  std::int64_t offset = 0;
  std::int64_t ts = 0;
  std::int64_t at = 0;
  std::string_view metrics_json;
  bool replay = false;
};

struct PresenceEvent {
  std::string_view device;
  bool connected = false;
  std::int64_t session = 0;
  std::int64_t at = 0;
  /// nullopt on a connect.
  std::optional<std::string_view> reason{};
  std::int64_t last_seen = 0;
};

enum class DeviceChange : std::uint8_t { kRegistered, kUpdated, kDeleted };

struct DeviceStatusEvent {
  std::string_view device;
  std::string_view status;
  std::optional<std::string_view> detail{};
  std::int64_t at = 0;
};

/// A command on its way to its device.
struct CommandDelivery {
  std::string_view command;
  std::string_view name;
  /// nullopt: the command has no `params`.
  std::optional<std::string_view> params_json{};
  std::int64_t issued_at = 0;
  std::int64_t expires_at = 0;
  std::int64_t attempt = 1;
};

struct CommandUpdate {
  std::string_view command;
  std::string_view device;
  std::string_view name;
  std::string_view status;
  /// `null` when absent.
  std::optional<std::string_view> result_json{};
  std::optional<std::string_view> error_json{};
  std::int64_t at = 0;
  /// A result that came after the end: adds `late_result` and `"late":true`.
  std::optional<std::string_view> late_result_json{};
};

/// How far a command to many has come; also what `fleet.get` returns.
struct FleetUpdate {
  std::string_view fleet;
  std::int64_t total = 0;
  std::int64_t waiting = 0;
  std::int64_t pending = 0;
  std::int64_t delivered = 0;
  std::int64_t accepted = 0;
  std::int64_t executed = 0;
  std::int64_t failed = 0;
  std::int64_t expired = 0;
  std::int64_t cancelled = 0;
  /// `running`, `stopped` or `done`.
  std::string_view state;
};

struct Lag {
  std::string_view subscription;
  std::int64_t dropped = 0;
  std::int64_t since = 0;
};

/// `members_json` is what the request returns, without braces: `"accepted":1,"duplicates":0`.
void write_ack(std::string& out, const RequestId& id, std::string_view members_json);
/// An ack up to its own members; the caller ends the object.
JsonWriter begin_ack(std::string& out, const RequestId& id);
/// An id that is none is left out.
void write_error(std::string& out, const RequestId& id, const Error& error);
void write_heartbeat(std::string& out, const RequestId& id, std::int64_t server_time);
void write_auth_expiring(std::string& out, std::int64_t expires_at);

void write(std::string& out, const Welcome& welcome);
void write(std::string& out, const TelemetryEvent& event);
void write(std::string& out, const PresenceEvent& event);
void write(std::string& out, const DeviceStatusEvent& event);
void write(std::string& out, const CommandDelivery& command);
void write(std::string& out, const CommandUpdate& update);
void write(std::string& out, const FleetUpdate& update);
/// The members of an update, for answers.
void write_members(JsonWriter& json, const FleetUpdate& update);
void write(std::string& out, const Lag& lag);
/// `device_json`: the device object of section 9.
void write_device_change(std::string& out, DeviceChange change, std::string_view device_json);

/// An error as a problem document (RFC 9457).
std::string problem_json(const Error& error);

/// Only those members of a metrics object (the text of one that a parser accepted) whose names are
/// in `sorted_names`, each in its own bytes; `{}` when there are none.
std::string trim_metrics(std::string_view metrics_json, std::span<const std::string> sorted_names);

}  // namespace fairlead::protocol
