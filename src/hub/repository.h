#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/completion.h"

namespace fairlead::hub {

/// One connection's row in the log (protocol, section 9).
struct ConnectionLog {
  std::string connection;
  std::string tenant;
  /// `device` or `client`.
  std::string kind;
  std::string subject;
  std::string remote;
  std::int64_t connected_at = 0;
  /// The three are set when it has ended.
  std::optional<std::int64_t> disconnected_at;
  std::int64_t code = 0;
  std::string reason;

  friend bool operator==(const ConnectionLog&, const ConnectionLog&) = default;
};

/// A row's place in the order of the log.
struct LogPlace {
  std::int64_t disconnected_at = 0;
  std::string connection;
};

/// A page of ended connections, newest end first (by disconnected_at, connection).
struct LogQuery {
  std::string tenant;
  /// Only this device's.
  std::optional<std::string> device;
  /// Over disconnected_at; `from` inclusive, `to` exclusive.
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
  /// Begin behind this place.
  std::optional<std::int64_t> before_disconnected_at;
  std::string before_connection;
  std::size_t limit = 100;
};

/// A durable subscription: what a client asked for under a name.
struct DurableSubscription {
  std::string tenant;
  /// The client.
  std::string subject;
  std::string name;
  /// What protocol::write_definition made.
  std::string definition;
  std::int64_t used_at = 0;

  friend bool operator==(const DurableSubscription&, const DurableSubscription&) = default;
};

/// Where the hub's own records become durable. Thread and order as telemetry::Repository says.
class Repository {
 public:
  virtual ~Repository() = default;
  virtual void open_log(ConnectionLog log, Completion<void> done) = 0;
  /// Ends the row of `log.connection` (creates it when its opening was never stored).
  virtual void close_log(ConnectionLog log, Completion<void> done) = 0;
  /// Drops rows that ended before `before_ms`, of all tenants; a bounded number of them: `done`
  /// gets whether there may be more.
  virtual void forget_logs(std::int64_t before_ms, Completion<bool> done) = 0;
  virtual void list_logs(LogQuery query, Completion<std::vector<ConnectionLog>> done) = 0;
  /// Makes the one of this tenant, subject and name, or replaces it.
  virtual void save_subscription(DurableSubscription subscription, Completion<void> done) = 0;
  /// Of one that there is not, nothing.
  virtual void remove_subscription(std::string tenant, std::string subject, std::string name,
                                   Completion<void> done) = 0;
};

}  // namespace fairlead::hub
