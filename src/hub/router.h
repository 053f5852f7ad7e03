#pragma once

#include <array>
#include <string_view>
#include <variant>

#include "auth/permissions.h"
#include "base/completion.h"
#include "hub/session.h"
#include "protocol/requests.h"

namespace fairlead::hub {

class Shard;
class Joins;

/// One type of message: the row from which permission, dispatch and metrics follow.
struct MessageRule {
  std::string_view type;
  auth::Operation operation;
};

/// In the order of protocol::Request.
inline constexpr std::array<MessageRule, std::variant_size_v<protocol::Request>> kMessageRules = {{
    {"auth", auth::Operation::kAuth},
    {"telemetry", auth::Operation::kTelemetry},
    {"device.register", auth::Operation::kRegister},
    {"device.status", auth::Operation::kStatus},
    {"heartbeat", auth::Operation::kHeartbeat},
    {"command.accept", auth::Operation::kAcceptCommand},
    {"command.result", auth::Operation::kResultOfCommand},
    {"subscribe", auth::Operation::kSubscribe},
    {"unsubscribe", auth::Operation::kUnsubscribe},
    {"command.send", auth::Operation::kSendCommand},
    {"command.cancel", auth::Operation::kCancelCommand},
    {"command.get", auth::Operation::kGetCommand},
    {"fleet.send", auth::Operation::kSendFleet},
    {"fleet.get", auth::Operation::kGetFleet},
    {"fleet.cancel", auth::Operation::kCancelFleet},
}};

consteval bool messages_are_named_as_their_permission() {
  for (const MessageRule& rule : kMessageRules) {
    if (auth::permission_of(rule.operation).name != rule.type) return false;
  }
  return true;
}
static_assert(messages_are_named_as_their_permission());

/// Takes a request of an authenticated connection to what handles it, and its answer back. Thread:
/// the shard's.
class Router {
 public:
  Router(Shard& shard, Joins& joins) : shard_(shard), joins_(joins) {}

  void route(Session& session, protocol::RequestId id, protocol::Request request);

 private:
  /// Fills the place of an answer whenever it comes, if the connection is still there. As small as
  /// a completion holds without the heap when `Write` keeps nothing.
  template <typename T, typename Write>
  struct Reply {
    void operator()(Result<T> result);

    Shard* shard;
    SessionNumber session;
    ReplyRing::Ticket ticket;
    [[no_unique_address]] Write write;
  };
  template <typename T, typename Write>
  Completion<T> reply(Session& session, protocol::RequestId id, Write write);

  void handle(Session& session, const protocol::RequestId& id, protocol::Auth& request);
  void handle(Session& session, protocol::RequestId id, protocol::Telemetry& request);
  void handle(Session& session, protocol::RequestId id, protocol::DeviceRegister& request);
  void handle(Session& session, protocol::RequestId id, protocol::DeviceStatus& request);
  void handle(Session& session, protocol::RequestId id, protocol::Heartbeat& request);
  void handle(Session& session, protocol::RequestId id, protocol::CommandAccept& request);
  void handle(Session& session, protocol::RequestId id, protocol::CommandResult& request);
  void handle(Session& session, protocol::RequestId id, protocol::Subscribe& request);
  void handle(Session& session, protocol::RequestId id, protocol::Unsubscribe& request);
  void handle(Session& session, protocol::RequestId id, protocol::CommandSend& request);
  void handle(Session& session, protocol::RequestId id, protocol::CommandCancel& request);
  void handle(Session& session, protocol::RequestId id, protocol::CommandGet& request);
  void handle(Session& session, protocol::RequestId id, protocol::FleetSend& request);
  void handle(Session& session, protocol::RequestId id, protocol::FleetGet& request);
  void handle(Session& session, protocol::RequestId id, protocol::FleetCancel& request);

  Shard& shard_;
  Joins& joins_;
};

}  // namespace fairlead::hub
