#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "auth/principal.h"
#include "base/result.h"

namespace fairlead::auth {

/// Everything that somebody known may ask for or be told.
enum class Operation : std::uint8_t {
  // what a connection says of itself
  kAuth,
  kHeartbeat,
  // a device, about itself
  kTelemetry,
  kRegister,
  kStatus,
  kAcceptCommand,
  kResultOfCommand,
  // watching
  kSubscribe,
  kUnsubscribe,
  kSeeTelemetry,
  kSeePresence,
  kSeeStatus,
  kSeeDevice,
  kSeeCommand,
  // commands
  kSendCommand,
  kCancelCommand,
  kGetCommand,
  kListCommands,
  kSendFleet,
  kCancelFleet,
  kGetFleet,
  // the registry and telemetry
  kListDevices,
  kGetDevice,
  kWriteDevice,
  kDeleteDevice,
  kPostTelemetry,
  kReadTelemetry,
  kReadLatest,
  // connections and tokens
  kListConnections,
  kEndConnection,
  kListLogs,
  kRevokeToken,
};
inline constexpr std::size_t kOperationCount =
    static_cast<std::size_t>(Operation::kRevokeToken) + 1;

enum class Who : std::uint8_t {
  kAnyone,
  kDevice,
  kClient,
  /// A client with the scope, or a device about itself.
  kClientOrItself,
};

/// What becomes of devices that the principal may not touch. Another tenant's never exist.
enum class Outside : std::uint8_t {
  /// No device is named.
  kNone,
  /// `not_found`.
  kNotFound,
  /// Left out.
  kLeftOut,
};

/// One row of the table of permissions; docs/authorization.md shows it.
struct Permission {
  Operation operation;
  std::string_view name;
  Who who;
  /// What a client's token must have.
  std::optional<Scope> scope;
  Outside outside;
};

/// The only place that says who may do what. In the order of `Operation`.
inline constexpr std::array<Permission, kOperationCount> kPermissions = {{
    {Operation::kAuth, "auth", Who::kAnyone, std::nullopt, Outside::kNone},
    {Operation::kHeartbeat, "heartbeat", Who::kAnyone, std::nullopt, Outside::kNone},
    {Operation::kTelemetry, "telemetry", Who::kDevice, std::nullopt, Outside::kNone},
    {Operation::kRegister, "device.register", Who::kDevice, std::nullopt, Outside::kNone},
    {Operation::kStatus, "device.status", Who::kDevice, std::nullopt, Outside::kNone},
    {Operation::kAcceptCommand, "command.accept", Who::kDevice, std::nullopt, Outside::kNotFound},
    {Operation::kResultOfCommand, "command.result", Who::kDevice, std::nullopt, Outside::kNotFound},
    {Operation::kSubscribe, "subscribe", Who::kClient, std::nullopt, Outside::kLeftOut},
    {Operation::kUnsubscribe, "unsubscribe", Who::kClient, std::nullopt, Outside::kNone},
    {Operation::kSeeTelemetry, "event telemetry", Who::kClient, Scope::kTelemetryRead,
     Outside::kLeftOut},
    {Operation::kSeePresence, "event presence", Who::kClient, Scope::kDeviceRead,
     Outside::kLeftOut},
    {Operation::kSeeStatus, "event status", Who::kClient, Scope::kDeviceRead, Outside::kLeftOut},
    {Operation::kSeeDevice, "event device", Who::kClient, Scope::kDeviceRead, Outside::kLeftOut},
    {Operation::kSeeCommand, "event command", Who::kClient, Scope::kCommandRead, Outside::kLeftOut},
    {Operation::kSendCommand, "command.send", Who::kClient, Scope::kCommandSend,
     Outside::kNotFound},
    {Operation::kCancelCommand, "command.cancel", Who::kClient, Scope::kCommandSend,
     Outside::kNotFound},
    {Operation::kGetCommand, "command.get", Who::kClient, Scope::kCommandRead, Outside::kNotFound},
    {Operation::kListCommands, "commands.list", Who::kClient, Scope::kCommandRead,
     Outside::kNotFound},
    {Operation::kSendFleet, "fleet.send", Who::kClient, Scope::kCommandSend, Outside::kLeftOut},
    {Operation::kCancelFleet, "fleet.cancel", Who::kClient, Scope::kCommandSend,
     Outside::kNotFound},
    {Operation::kGetFleet, "fleet.get", Who::kClient, Scope::kCommandRead, Outside::kNotFound},
    {Operation::kListDevices, "devices.list", Who::kClient, Scope::kDeviceRead, Outside::kLeftOut},
    {Operation::kGetDevice, "devices.get", Who::kClient, Scope::kDeviceRead, Outside::kNotFound},
    {Operation::kWriteDevice, "devices.write", Who::kClient, Scope::kDeviceWrite,
     Outside::kNotFound},
    {Operation::kDeleteDevice, "devices.delete", Who::kClient, Scope::kDeviceWrite,
     Outside::kNotFound},
    {Operation::kPostTelemetry, "telemetry.post", Who::kClientOrItself, Scope::kTelemetryWrite,
     Outside::kNotFound},
    {Operation::kReadTelemetry, "telemetry.read", Who::kClient, Scope::kTelemetryRead,
     Outside::kNotFound},
    {Operation::kReadLatest, "telemetry.latest", Who::kClient, Scope::kTelemetryRead,
     Outside::kNotFound},
    {Operation::kListConnections, "connections.list", Who::kClient, Scope::kConnectionRead,
     Outside::kLeftOut},
    {Operation::kEndConnection, "connections.end", Who::kClient, Scope::kAdmin, Outside::kNotFound},
    {Operation::kListLogs, "logs.list", Who::kClient, Scope::kConnectionRead, Outside::kLeftOut},
    {Operation::kRevokeToken, "tokens.revoke", Who::kClient, Scope::kAdmin, Outside::kNone},
}};

consteval bool permissions_stand_at_their_index() {
  for (std::size_t i = 0; i < kPermissions.size(); ++i) {
    if (static_cast<std::size_t>(kPermissions[i].operation) != i) return false;
  }
  return true;
}
static_assert(permissions_stand_at_their_index());

constexpr const Permission& permission_of(Operation operation) {
  return kPermissions[static_cast<std::size_t>(operation)];
}

/// Whether the principal may do that at all; kForbidden says what it lacks. Which devices it may do
/// it to is may_touch()'s to say.
Result<void> permit(const Principal& who, Operation operation);

/// The same without the words.
constexpr bool is_permitted(const Principal& who, Operation operation) {
  const Permission& row = permission_of(operation);
  const bool is_device = who.kind == Kind::kDevice;
  if (is_device) return row.who != Who::kClient;
  return row.who != Who::kDevice && (!row.scope || who.has(*row.scope));
}

}  // namespace fairlead::auth
