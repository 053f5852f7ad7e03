#include "hub/shard.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "protocol/events.h"

namespace fairlead::hub {
namespace {

/// Connections that a revocation looks at before others have their turn.
constexpr std::size_t kMaxLookedAtInStep = 1000;

void end_as_revoked(Session& session, const protocol::RequestId& id = {}) {
  const Error error{.code = Code::kUnauthenticated, .message = "the token was revoked"};
  session.end(protocol::CloseCode::kUnauthenticated, error.message, &error, id);
}

}  // namespace

Shard::Shard(std::size_t index, const Settings& settings, Ports ports, devices::KeySeries keys)
    : index_(index),
      settings_(settings),
      ports_(ports),
      session_ports_{parser_, encoder_, *this, ports.clock, settings},
      authenticator_({.clock = ports.clock,
                      .verifier = ports.verifier,
                      .revocations = revocations_,
                      .keys = ports.keys,
                      .failures = ports.failures,
                      .slow_checks = ports.slow_checks}),
      home_(index, settings, {ports.telemetry, ports.devices, ports.commands}, ports.peers,
            connections_, encoder_, ports.clock, ports.random, keys),
      durables_(ports.logs, settings, ports.clock),
      idempotency_keys_(ports.clock, settings.idempotency_keys_per_principal),
      fleet_desk_(*this, ports.fleets),
      operations_(*this, ports.revocations, ports.logs),
      joins_(*this),
      router_(*this, joins_),
      timers_(ports.clock.steady_ms()) {}

Shard::~Shard() = default;

void Shard::adopt(Arrival arrival) {
  auto principal = std::exchange(arrival.principal, std::nullopt);
  const protocol::RequestId auth_id = std::exchange(arrival.auth_id, {});
  Session& session = connections_.add(
      std::make_unique<Session>(connections_.next_number(), std::move(arrival), session_ports_));
  // It is welcomed as soon as its beginning is stored: the handshake's answer leaves with that.
  if (principal && principal->kind == auth::Kind::kDevice) session.transport().hold_back();
  ports_.host.attach(session.transport(), session);
  session.set_memory_short(is_memory_short_);
  if (principal) {
    begin(session, std::move(*principal), auth_id);
  } else {
    arm(session, ports_.clock.steady_ms() + settings_.auth_timeout_ms);
  }
}

void Shard::handle(Session& session, protocol::RequestId id, protocol::Request request) {
  const auto* const auth = std::get_if<protocol::Auth>(&request);
  if (auth != nullptr) {
    ++counters_.requests[request.index()];
    if (session.state() == SessionState::kAwaitingAuth) {
      authenticate_first(session, std::move(id), *auth);
    } else {
      refresh(session, std::move(id), *auth);
    }
    return;
  }
  if (session.state() == SessionState::kAwaitingAuth) {
    const Error error{.code = Code::kUnauthenticated, .message = "the first message must be auth"};
    session.answer_error(session.take_ticket(std::move(id)), error);
    session.end(protocol::CloseCode::kUnauthenticated, error.message);
    return;
  }
  router_.route(session, std::move(id), std::move(request));
}

void Shard::move_away(Session& session, std::size_t home, auth::Principal principal,
                      protocol::RequestId auth_id) {
  session.hand_over(
      [this, home, number = session.number(), info = session.info(),
       principal = std::move(principal), auth_id = std::move(auth_id),
       place = session.take_place()](std::unique_ptr<net::Transport> transport) mutable {
        connections_.erase(number);
        Arrival arrival{.transport = std::move(transport),
                        .info = std::move(info),
                        .principal = std::move(principal),
                        .auth_id = std::move(auth_id),
                        .place = std::move(place)};
        ports_.peers.post(home, [arrival = std::move(arrival)](Shard& shard) mutable {
          shard.adopt(std::move(arrival));
        });
      });
}

bool Shard::take_client_place(Session& session, const auth::Principal& principal,
                              const protocol::RequestId& auth_id) {
  if (principal.kind == auth::Kind::kDevice) return true;
  session.set_client_place(ports_.peers.take_client_place(principal));
  if (session.has_client_place()) return true;
  Error error{.code = Code::kRateLimited,
              .message = "this client has as many connections as it may"};
  error.retry_after_ms = kFullRetryMs;
  session.answer_error(session.take_ticket(auth_id), error);
  session.end(protocol::CloseCode::kOverRate, error.message);
  return false;
}

void Shard::begin(Session& session, auth::Principal principal, const protocol::RequestId& auth_id) {
  session.transport().settle();
  // While it was on its way from another shard.
  if (revocations_.is_revoked(principal)) {
    return end_as_revoked(session, auth_id);
  }
  if (!take_client_place(session, principal, auth_id)) return;
  const bool is_device = principal.kind == auth::Kind::kDevice;
  session.set_tenant_meter(ports_.peers.tenant_meter(principal.tenant));
  session.set_principal(std::move(principal));
  // Behind the welcome: whatever opens the session sends that before any answer.
  if (!auth_id.is_none()) session.answer_when_open(session.take_ticket(auth_id));
  log_opening(session);
  if (is_device) {
    ++counters_.device_connects;
    home_.begin(session);
  } else {
    ++counters_.client_connects;
    ++clients_;
    session.begin_opening();
    session.open(welcome_json(session, settings_, ports_.clock.now_ms(), std::nullopt));
  }
  arm(session, session.fire(ports_.clock.steady_ms()));
}

void Shard::refused(const protocol::BadRequest& bad) {
  counters_.malformed_samples += bad.refused_samples;
}

void Shard::ended(Session& session) {
  ++counters_.ends[session.cause().code];
  counters_.dropped_telemetry += session.dropped();
  wanting_room_.erase(session.number());
  joins_.leave_all(session);
  home_.end(session);
  if (!session.principal()) return;
  if (session.has_client_place()) {
    session.set_client_place(false);
    ports_.peers.give_back_client_place(*session.principal());
  }
  if (session.principal()->kind == auth::Kind::kClient) --clients_;
  log_end(session);
}

void Shard::closed(Session& session) { closed_.push_back(session.number()); }

void Shard::command_written(Session& session, const std::string& command) {
  if (session.seat) home_.commands().written(session.seat.device, command);
}

void Shard::deliver(const Event& event, std::span<const Recipient> recipients) {
  for (const Recipient& recipient : recipients) {
    if (Session* const session = connections_.find(recipient.session)) {
      session->deliver(event, recipient);
    }
  }
}

void Shard::tell_event(SessionNumber number, std::string_view json) {
  if (Session* const session = connections_.find(number)) session->tell_event(json);
}

void Shard::ask_for_room(SessionNumber number, std::size_t home, SubscriptionNumber subscription) {
  Session* const session = connections_.find(number);
  if (session == nullptr || session->is_ended()) return;
  wanting_room_[number].emplace_back(home, subscription);
  if (session->has_room()) {
    has_room(*session);
  } else {
    session->ask_for_room();
  }
}

void Shard::has_room(Session& session) {
  const auto place = wanting_room_.find(session.number());
  if (place == wanting_room_.end()) return;
  const Viewer viewer{.shard = index_, .session = session.number()};
  for (const auto& [home, subscription] : place->second) {
    ports_.peers.post(home, [viewer, number = subscription](Shard& shard) {
      shard.home().has_room(viewer, number);
    });
  }
  wanting_room_.erase(place);
}

void Shard::log_opening(const Session& session) {
  const auth::Principal& principal = *session.principal();
  ports_.logs.open_log({.connection = session.info().id(),
                        .tenant = principal.tenant,
                        .kind = std::string(auth::name_of(principal.kind)),
                        .subject = principal.subject,
                        .remote = session.info().remote,
                        .connected_at = session.info().connected_at,
                        .disconnected_at = std::nullopt,
                        .code = 0,
                        .reason = ""},
                       // Until there is one a crash would leave no trace of the connection.
                       [this, number = session.number()](Result<void> result) {
                         if (!result) unopened_.push_back(number);
                       });
}

void Shard::log_end(const Session& session) {
  const auth::Principal& principal = *session.principal();
  ConnectionLog log{.connection = session.info().id(),
                    .tenant = principal.tenant,
                    .kind = std::string(auth::name_of(principal.kind)),
                    .subject = principal.subject,
                    .remote = session.info().remote,
                    .connected_at = session.info().connected_at,
                    .disconnected_at = ports_.clock.now_ms(),
                    .code = session.cause().code,
                    .reason = session.cause().reason};
  spdlog::debug("connection {} of {} {} ended: {} {}", log.connection, log.kind, log.subject,
                log.code, log.reason);
  ConnectionLog copy = log;
  ports_.logs.close_log(std::move(copy), [this, log = std::move(log)](Result<void> result) mutable {
    if (!result && unlogged_.size() < kMaxUnlogged) unlogged_.push_back(std::move(log));
  });
}

void Shard::revoke(const auth::Revocation& revocation) {
  revocations_.add(revocation);
  end_revoked("");
}

void Shard::end_revoked(std::string_view after) {
  std::vector<SessionNumber> holders;
  std::size_t looked_at = 0;
  std::string stopped_at;
  connections_.each(after, [&](const Session& session) {
    if (session.principal() && revocations_.is_revoked(*session.principal())) {
      holders.push_back(session.number());
    }
    if (++looked_at < kMaxLookedAtInStep) return true;
    stopped_at = session.info().id();
    return false;
  });
  for (const SessionNumber holder : holders) end_as_revoked(*connections_.find(holder));
  if (stopped_at.empty()) return;
  ports_.peers.post(index_,
                    [after = std::move(stopped_at)](Shard& there) { there.end_revoked(after); });
}

Gauges Shard::gauges() const {
  Gauges gauges{.sessions = connections_.size(),
                .connected_devices = home_.connected_count(),
                .clients = clients_,
                .devices = home_.devices().size(),
                .subscriptions = home_.subscriptions().size(),
                .durable_subscriptions = durables_.size(),
                .commands = {}};
  for (std::size_t i = 0; i < commands::kStateCount; ++i) {
    gauges.commands[i] = home_.commands().count(static_cast<commands::State>(i));
  }
  return gauges;
}

}  // namespace fairlead::hub
