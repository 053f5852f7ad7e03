#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "auth/permissions.h"
#include "auth/principal.h"
#include "auth/repository.h"
#include "base/completion.h"
#include "commands/command.h"
#include "commands/fleet.h"
#include "commands/repository.h"
#include "commands/service.h"
#include "hub/repository.h"
#include "protocol/requests.h"
#include "telemetry/repository.h"
#include "telemetry/service.h"

namespace fairlead::hub {

class Session;
class Shard;

/// Shapes are JSON text of section 9 of the protocol.
struct JsonPage {
  std::vector<std::string> items;
  /// Where the next page begins; nullopt: this was the last.
  std::optional<std::string> next;
};

struct DeviceFilter {
  std::optional<bool> connected;
  std::optional<std::string> device_type;
  std::optional<std::string> status;
  std::string prefix;
};

struct ConnectionFilter {
  std::optional<std::string> kind{};
  std::optional<std::string> subject{};
  /// Of the subject.
  std::string prefix{};
};

struct LogPage {
  std::vector<ConnectionLog> logs;
  /// Behind which row the next page begins; nullopt: this was the last.
  std::optional<LogPlace> next;
};

struct Written {
  bool is_new = false;
  std::string json;
};

/// What clients may do beyond their own connection, over HTTP and WebSocket alike: permission, the
/// hop to the shard that knows, the answer back here. What a principal may not touch is kNotFound,
/// a scope it lacks kForbidden. Completions run on this shard, some inside the call.
class Operations {
 public:
  Operations(Shard& shard, auth::Repository& revocations, Repository& logs);

  void get_device(const auth::Principal& who, const std::string& id, Completion<std::string> done);
  /// PUT (`replaces`: creates too) and PATCH.
  void write_device(const auth::Principal& who, const std::string& id,
                    protocol::DeviceWrite request, bool replaces, Completion<Written> done);
  void delete_device(const auth::Principal& who, const std::string& id, Completion<void> done);
  /// By id, from the first behind `after` on.
  void list_devices(const auth::Principal& who, DeviceFilter filter, std::string after,
                    std::size_t limit, Completion<JsonPage> done);

  /// `body`: one sample or `{"samples":[…]}`. A device may write its own.
  void post_telemetry(const auth::Principal& who, const std::string& id, std::string body,
                      Completion<telemetry::Accepted> done);
  /// `range.device` is filled in here.
  void read_telemetry(const auth::Principal& who, const std::string& id, telemetry::Range range,
                      Completion<telemetry::Page> done);
  void read_buckets(const auth::Principal& who, const std::string& id, telemetry::BucketRange range,
                    Completion<telemetry::BucketPage> done);
  void latest(const auth::Principal& who, const std::string& id, Completion<std::string> done);

  void send_command(const auth::Principal& who, protocol::CommandSend request,
                    commands::Sender sender, Completion<commands::Sent> done);
  void get_command(const auth::Principal& who, const std::string& id,
                   Completion<commands::Command> done);
  /// Answers with the final state, or with the state after `wait_ms`.
  void wait_for_command(const auth::Principal& who, const std::string& id, std::int64_t wait_ms,
                        Completion<commands::Command> done);
  void cancel_command(const auth::Principal& who, const std::string& id,
                      Completion<commands::Command> done);
  /// `query.device` is filled in here.
  void list_commands(const auth::Principal& who, const std::string& device,
                     commands::ListQuery query, Completion<std::vector<commands::Command>> done);

  // Commands to many at once. Who may not touch all of the devices does not know the fleet.
  void send_fleet(const auth::Principal& who, protocol::FleetSend request, commands::Sender sender,
                  Completion<commands::FleetReport> done);
  void get_fleet(const auth::Principal& who, const std::string& id,
                 Completion<commands::FleetReport> done);
  /// Answers when nothing of it is in flight any more.
  void cancel_fleet(const auth::Principal& who, const std::string& id,
                    Completion<commands::FleetReport> done);

  /// By id, from the first behind `after` on.
  void list_connections(const auth::Principal& who, ConnectionFilter filter, std::string after,
                        std::size_t limit, Completion<JsonPage> done);
  void end_connection(const auth::Principal& who, const std::string& id, Completion<void> done);
  /// `query.tenant` is filled in here.
  void list_logs(const auth::Principal& who, LogQuery query, Completion<LogPage> done);
  /// `revocation.tenant` is filled in here. In force on every shard when it is stored.
  void revoke(const auth::Principal& who, auth::Revocation revocation, Completion<void> done);

 private:
  std::size_t home_of(const auth::Principal& who, const std::string& device) const;
  /// What stands in the way of a device that is not connected is an error only here.
  static Completion<commands::Sent> refusing(Completion<commands::Sent> done);
  void send_at_home(const auth::Principal& who, protocol::CommandSend request,
                    commands::Sender sender, Completion<commands::Sent> done);
  /// The scope is checked; the principal may touch the command's device, or it is kNotFound.
  template <typename T>
  void with_command(const auth::Principal& who, const std::string& id,
                    std::move_only_function<void(Shard&, protocol::DeviceRef, Completion<T>)> then,
                    Completion<T> done);

  void place_fleet(const auth::Principal& who, protocol::FleetSend request, commands::Sender sender,
                   Completion<commands::FleetReport> done);
  void create_fleet(commands::Fleet fleet, commands::Sender sender,
                    Completion<commands::FleetReport> done);
  /// The scope is checked.
  void find_fleet(const auth::Principal& who, const std::string& id,
                  Completion<commands::FleetReport> done);

  void list_logs_further(const auth::Principal& who, LogQuery query, LogPage page, int rounds,
                         Completion<LogPage> done);

  Shard& shard_;
  auth::Repository& revocations_;
  Repository& logs_;
};

/// Whether a connection is the principal's to see and passes the filter.
bool is_listed(const Session& session, const auth::Principal& who, const ConnectionFilter& filter);
/// The shape of a living connection.
std::string connection_json(const Session& session);
/// The shape of a row of the connection log.
std::string log_json(const ConnectionLog& log);

}  // namespace fairlead::hub
