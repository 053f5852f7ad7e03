#include "hub/router.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "hub/joins.h"
#include "hub/shard.h"
#include "protocol/json_writer.h"

namespace fairlead::hub {
namespace {

constexpr auto kNoMembers = [](protocol::JsonWriter&) {};
constexpr auto kFleetMembers = [](protocol::JsonWriter& json, const commands::FleetReport& report) {
  protocol::write_members(json, commands::update_of(report));
};

}  // namespace

template <typename T, typename Write>
void Router::Reply<T, Write>::operator()(Result<T> result) {
  Session* const asking = shard->connections().find(session);
  if (asking == nullptr) return;
  if (!result) {
    asking->answer_error(ticket, result.error());
    return;
  }
  asking->answer_ok(ticket, [&](protocol::JsonWriter& json) {
    if constexpr (std::is_void_v<T>) {
      write(json);
    } else {
      write(json, *result);
    }
  });
}

template <typename T, typename Write>
Completion<T> Router::reply(Session& session, protocol::RequestId id, Write write) {
  return Reply<T, Write>{.shard = &shard_,
                         .session = session.number(),
                         .ticket = session.take_ticket(std::move(id)),
                         .write = std::move(write)};
}

void Router::route(Session& session, protocol::RequestId id, protocol::Request request) {
  ++shard_.counters().requests[request.index()];
  const MessageRule& rule = kMessageRules[request.index()];
  if (auto may = auth::permit(*session.principal(), rule.operation); !may) {
    session.answer_error(session.take_ticket(std::move(id)), may.error());
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
  const protocol::DeviceRef device = session.seat.device;
  const auto write = [](protocol::JsonWriter& json, const telemetry::Accepted& accepted) {
    json.member("accepted", accepted.accepted).member("duplicates", accepted.duplicates);
    if (accepted.last_seq) json.member("last_seq", *accepted.last_seq);
  };
  home.telemetry().submit(device, home.devices().capabilities(device), request,
                          reply<telemetry::Accepted>(session, std::move(id), write));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::DeviceRegister& request) {
  Home& home = shard_.home();
  const protocol::DeviceRef device = session.seat.device;
  if (auto fine = home.check_declared(device, request); !fine) {
    session.answer_error(session.take_ticket(std::move(id)), fine.error());
    return;
  }
  home.devices().register_device(
      device, request,
      reply<void>(session, std::move(id), [&home, device](protocol::JsonWriter& json) {
        json.raw_member("device", home.device_json(device));
      }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::DeviceStatus& request) {
  shard_.home().devices().set_status(session.seat.device, request,
                                     reply<void>(session, std::move(id), kNoMembers));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::Heartbeat&) {
  session.heartbeat(session.take_ticket(std::move(id)));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandAccept& request) {
  shard_.home().commands().accept(session.seat.device, request,
                                  reply<void>(session, std::move(id), kNoMembers));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandResult& request) {
  shard_.home().commands().result(session.seat.device, request,
                                  reply<void>(session, std::move(id), kNoMembers));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::Subscribe& request) {
  joins_.subscribe(session, std::move(id), std::move(request));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::Unsubscribe& request) {
  joins_.unsubscribe(session, std::move(id), request);
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandSend& request) {
  commands::Sender sender{.shard = shard_.index(), .connection = std::to_string(session.number())};
  shard_.operations().send_command(
      *session.principal(), std::move(request), std::move(sender),
      reply<commands::Sent>(
          session, std::move(id), [](protocol::JsonWriter& json, const commands::Sent& sent) {
            json.member("command", sent.command).member("status", commands::name_of(sent.state));
          }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandCancel& request) {
  shard_.operations().cancel_command(
      *session.principal(), request.command,
      reply<commands::Command>(session, std::move(id),
                               [](protocol::JsonWriter& json, const commands::Command& command) {
                                 json.member("status", commands::name_of(command.state));
                               }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::CommandGet& request) {
  shard_.operations().get_command(
      *session.principal(), request.command,
      reply<commands::Command>(session, std::move(id),
                               [](protocol::JsonWriter& json, const commands::Command& command) {
                                 std::string text;
                                 commands::write_json(text, command);
                                 json.raw_member("command", text);
                               }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::FleetSend& request) {
  commands::Sender sender{.shard = shard_.index(), .connection = std::to_string(session.number())};
  shard_.operations().send_fleet(
      *session.principal(), std::move(request), std::move(sender),
      reply<commands::FleetReport>(
          session, std::move(id),
          [](protocol::JsonWriter& json, const commands::FleetReport& report) {
            json.member("fleet", report.fleet).member("total", report.members->size());
          }));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::FleetGet& request) {
  shard_.operations().get_fleet(
      *session.principal(), request.fleet,
      reply<commands::FleetReport>(session, std::move(id), kFleetMembers));
}

void Router::handle(Session& session, protocol::RequestId id, protocol::FleetCancel& request) {
  shard_.operations().cancel_fleet(
      *session.principal(), request.fleet,
      reply<commands::FleetReport>(session, std::move(id), kFleetMembers));
}

}  // namespace fairlead::hub
