#include "hub/router.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "hub/joins.h"
#include "hub/shard.h"
#include "protocol/json_writer.h"

namespace fairlead::hub {
namespace {

std::string accepted_json(const telemetry::Accepted& accepted) {
  std::string members;
  protocol::JsonWriter json(members);
  json.member("accepted", accepted.accepted).member("duplicates", accepted.duplicates);
  if (accepted.last_seq) json.member("last_seq", *accepted.last_seq);
  return members;
}

}  // namespace

Result<void> check_speaker(const MessageRule& rule, const auth::Principal& who) {
  const bool is_device = who.kind == auth::Kind::kDevice;
  if (rule.speaker == Speaker::kDevice && !is_device) {
    return fail(Code::kForbidden, "{}: only a device sends this", rule.type);
  }
  if (rule.speaker == Speaker::kClient && is_device) {
    return fail(Code::kForbidden, "{}: a device does not send this", rule.type);
  }
  if (rule.scope && !who.has(*rule.scope)) {
    return fail(Code::kForbidden, "{}: needs the scope {}", rule.type, auth::name_of(*rule.scope));
  }
  return {};
}

template <typename T, typename Write>
Completion<T> Router::reply(Session& session, protocol::RequestId id, Write write) {
  return [&shard = shard_, number = session.number(), ticket = session.take_ticket(),
          id = std::move(id), write = std::move(write)](Result<T> result) mutable {
    Session* const asking = shard.connections().find(number);
    if (asking == nullptr) return;
    if (!result) {
      asking->answer_error(ticket, id, result.error());
      return;
    }
    if constexpr (std::is_void_v<T>) {
      asking->answer_ok(ticket, id, write());
    } else {
      asking->answer_ok(ticket, id, write(*result));
    }
  };
}

void Router::route(Session& session, protocol::RequestId id, protocol::Request request) {
  ++shard_.counters().requests[request.index()];
  const MessageRule& rule = kMessageRules[request.index()];
  if (auto may = check_speaker(rule, *session.principal()); !may) {
    session.answer_error(session.take_ticket(), id, may.error());
    return;
  }
  std::visit([&](auto& typed) { handle(session, std::move(id), typed); }, request);
}

void Router::handle(Session&, const protocol::RequestId&, protocol::Auth&) {
  // The shard itself takes tokens, in every state of a connection.
  FAIRLEAD_ASSERT(false);
}

void Router::handle(Session& session, protocol::RequestId id, protocol::Telemetry& request) {
  Home& home = shard_.home();
  const protocol::DeviceRef device = session.seat->device;
  home.telemetry().submit(device, home.devices().capabilities(device), request,
                          reply<telemetry::Accepted>(session, std::move(id), accepted_json));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::DeviceRegister& request) {
  Home& home = shard_.home();
  const protocol::DeviceRef device = session.seat->device;
  home.devices().register_device(device, request,
                                 reply<void>(session, std::move(id), [&home, device] {
                                   return R"("device":)" + home.device_json(device);
                                 }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::DeviceStatus& request) {
  shard_.home().devices().set_status(session.seat->device, request,
                                     reply<void>(session, std::move(id), [] { return ""; }));
}

void Router::handle(Session& session, const protocol::RequestId& id, protocol::Heartbeat&) {
  session.heartbeat(session.take_ticket(), id);
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandAccept& request) {
  shard_.home().commands().accept(session.seat->device, request,
                                  reply<void>(session, std::move(id), [] { return ""; }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandResult& request) {
  shard_.home().commands().result(session.seat->device, request,
                                  reply<void>(session, std::move(id), [] { return ""; }));
}

void Router::handle(Session& session, const protocol::RequestId& id, protocol::Subscribe& request) {
  joins_.subscribe(session, id, std::move(request));
}

void Router::handle(Session& session, const protocol::RequestId& id,
                    protocol::Unsubscribe& request) {
  joins_.unsubscribe(session, id, request);
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandSend& request) {
  commands::Sender sender{.shard = shard_.index(), .connection = std::to_string(session.number())};
  shard_.operations().send_command(
      *session.principal(), std::move(request), std::move(sender),
      reply<commands::Sent>(session, std::move(id), [](const commands::Sent& sent) {
        std::string members;
        protocol::JsonWriter(members)
            .member("command", sent.command)
            .member("status", commands::name_of(sent.state));
        return members;
      }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandCancel& request) {
  shard_.operations().cancel_command(
      *session.principal(), request.command,
      reply<commands::Command>(session, std::move(id), [](const commands::Command& command) {
        std::string members;
        protocol::JsonWriter(members).member("status", commands::name_of(command.state));
        return members;
      }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandGet& request) {
  shard_.operations().get_command(
      *session.principal(), request.command,
      reply<commands::Command>(session, std::move(id), [](const commands::Command& command) {
        std::string members = R"("command":)";
        commands::write_json(members, command);
        return members;
      }));
}

void Router::refuse_fleets(Session& session, const protocol::RequestId& id) {
  const Error error{.code = Code::kUnknownType,
                    .message = "type: commands to many at once are not supported by this version"};
  session.answer_error(session.take_ticket(), id, error);
}

void Router::handle(Session& session, const protocol::RequestId& id, protocol::FleetSend&) {
  refuse_fleets(session, id);
}

void Router::handle(Session& session, const protocol::RequestId& id, protocol::FleetGet&) {
  refuse_fleets(session, id);
}

void Router::handle(Session& session, const protocol::RequestId& id, protocol::FleetCancel&) {
  refuse_fleets(session, id);
}

}  // namespace fairlead::hub
