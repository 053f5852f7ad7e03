#pragma once

#include <array>
#include <string_view>

#include "auth/permissions.h"
#include "http/handlers.h"

namespace fairlead::http {

/// One row: what is asked for, who may, who answers.
struct Route {
  std::string_view method;
  /// `{}` stands for one segment, which may hold `%2F`.
  std::string_view pattern;
  auth::Operation operation;
  void (*handler)(Context&, Request);
};

/// Of those with a token; protocol section 8.
inline constexpr std::array kRoutes = {
    Route{"GET", "/v1/devices", auth::Operation::kListDevices, list_devices},
    Route{"GET", "/v1/devices/{}", auth::Operation::kGetDevice, get_device},
    Route{"PUT", "/v1/devices/{}", auth::Operation::kWriteDevice, put_device},
    Route{"PATCH", "/v1/devices/{}", auth::Operation::kWriteDevice, patch_device},
    Route{"DELETE", "/v1/devices/{}", auth::Operation::kDeleteDevice, delete_device},
    Route{"POST", "/v1/devices/{}/telemetry", auth::Operation::kPostTelemetry, post_telemetry},
    Route{"GET", "/v1/devices/{}/telemetry", auth::Operation::kReadTelemetry, get_telemetry},
    Route{"GET", "/v1/devices/{}/telemetry/latest", auth::Operation::kReadLatest, get_latest},
    Route{"POST", "/v1/devices/{}/commands", auth::Operation::kSendCommand, post_command},
    Route{"GET", "/v1/devices/{}/commands", auth::Operation::kListCommands, list_commands},
    Route{"GET", "/v1/commands/{}", auth::Operation::kGetCommand, get_command},
    Route{"POST", "/v1/commands/{}/cancel", auth::Operation::kCancelCommand, cancel_command},
    Route{"POST", "/v1/fleet-commands", auth::Operation::kSendFleet, post_fleet},
    Route{"GET", "/v1/fleet-commands/{}", auth::Operation::kGetFleet, get_fleet},
    Route{"POST", "/v1/fleet-commands/{}/cancel", auth::Operation::kCancelFleet, cancel_fleet},
    Route{"GET", "/v1/connections", auth::Operation::kListConnections, list_connections},
    Route{"DELETE", "/v1/connections/{}", auth::Operation::kEndConnection, delete_connection},
    Route{"GET", "/v1/connection-logs", auth::Operation::kListLogs, list_connection_logs},
    Route{"POST", "/v1/tokens/revoke", auth::Operation::kRevokeToken, revoke_token},
};

}  // namespace fairlead::http
