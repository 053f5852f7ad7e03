#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "auth/repository.h"
#include "auth/revocation.h"
#include "auth/verifier.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/timer_wheel.h"
#include "hub/arrival.h"
#include "hub/authenticator.h"
#include "hub/connections.h"
#include "hub/durables.h"
#include "hub/fleet_desk.h"
#include "hub/home.h"
#include "hub/idempotency.h"
#include "hub/joins.h"
#include "hub/operations.h"
#include "hub/peers.h"
#include "hub/repository.h"
#include "hub/router.h"
#include "hub/session.h"
#include "hub/settings.h"
#include "net/transport.h"
#include "protocol/parse.h"

namespace fairlead::hub {

/// What a shard needs from outside; all of it outlives the shard.
struct Ports {
  const Clock& clock;
  Random& random;
  Peers& peers;
  Backpressure& backpressure;
  net::TransportHost& host;
  auth::Verifier& verifier;
  telemetry::Repository& telemetry;
  devices::Repository& devices;
  commands::Repository& commands;
  commands::FleetRepository& fleets;
  Repository& logs;
  auth::Repository& revocations;
  /// Null: the verifier's keys are all there are.
  auth::KeySource* keys = nullptr;
  /// Null: failed authentications have no limit.
  auth::FailureLimit* failures = nullptr;
  /// Null: every signature is checked on the shard.
  auth::SlowChecks* slow_checks = nullptr;
};

/// What one shard counts; read on its thread.
struct Counters {
  std::uint64_t device_connects = 0;
  std::uint64_t client_connects = 0;
  /// By close code.
  std::map<std::uint16_t, std::uint64_t> ends;
  std::array<std::uint64_t, std::variant_size_v<protocol::Request>> requests{};
  /// Samples in messages that were no requests.
  std::uint64_t malformed_samples = 0;
  /// Of sessions that ended; the living have their own.
  std::uint64_t dropped_telemetry = 0;
};

/// What a shard holds just now.
struct Gauges {
  std::size_t sessions = 0;
  std::size_t connected_devices = 0;
  std::size_t clients = 0;
  std::size_t devices = 0;
  std::size_t subscriptions = 0;
  std::size_t durable_subscriptions = 0;
  std::array<std::size_t, commands::kStateCount> commands{};
};

/// One thread's part of the hub: its connections, and the devices at home here. It is stepped:
/// mail, bytes, timers, the end of a turn; a thread steps it in production, a seeded scheduler in
/// the simulation. It touches no other shard's state.
class Shard final : private SessionOwner {
 public:
  Shard(std::size_t index, const Settings& settings, Ports ports, devices::KeySeries keys);
  ~Shard() override;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  std::size_t index() const { return index_; }
  std::size_t home_of(std::string_view tenant, std::string_view device) const {
    return home_hash(tenant, device) % ports_.peers.count();
  }

  // Steps.
  /// A WebSocket that is to live here (for a device: its home shard).
  void adopt(Arrival arrival);
  /// Fires what is due; to be called when next_due_ms() has come, or earlier.
  void fire_timers();
  /// Of steady_ms, and right until the next step. Never far: some work is done once a second, and
  /// while reading is held the end of that is looked for each tick.
  std::int64_t next_due_ms() const;
  /// After each step or batch of them: reading follows what the store can take.
  void end_turn();

  /// Stops reading; once everything taken is answered, or `give_up_steady_ms` has come, closes
  /// every connection with 1012 and a spread retry. is_drained() tells when no connection is left.
  void drain(std::int64_t give_up_steady_ms);
  bool is_drained() const { return is_draining_ && connections_.size() == 0; }

  // At start.
  void restore(const auth::Revocation& revocation) { revocations_.add(revocation); }

  Authenticator& authenticator() { return authenticator_; }
  /// Every shard's part of a stored revocation: its holders are sent away, a bounded number of
  /// connections looked at in a step.
  void revoke(const auth::Revocation& revocation);

  Home& home() { return home_; }
  Operations& operations() { return operations_; }
  Durables& durables() { return durables_; }
  IdempotencyKeys& idempotency_keys() { return idempotency_keys_; }
  FleetDesk& fleet_desk() { return fleet_desk_; }
  commands::Fleets& fleets() { return fleet_desk_.fleets(); }
  Connections& connections() { return connections_; }
  protocol::Parser& parser() { return parser_; }
  const Settings& settings() const { return settings_; }
  const Ports& ports() const { return ports_; }
  Counters& counters() { return counters_; }
  Gauges gauges() const;

  // Events from home shards.
  void deliver(const Event& event, std::span<const Recipient> recipients);
  void tell_event(SessionNumber session, std::string_view json);
  /// A replay at `home` waits for this connection to have room.
  void ask_for_room(SessionNumber session, std::size_t home, SubscriptionNumber subscription);

  /// Runs `question` on `shard` and `answer` back here; at once when that is this shard.
  template <typename T>
  void ask(std::size_t shard, std::move_only_function<void(Shard&, Completion<T>)> question,
           Completion<T> answer);

 private:
  // SessionOwner
  std::optional<OverRate> charge(Session& session, std::size_t bytes) override;
  void handle(Session& session, protocol::RequestId id, protocol::Request request) override;
  void refused(const protocol::BadRequest& bad) override;
  void ended(Session& session) override;
  void closed(Session& session) override;
  void command_written(Session& session, const std::string& command) override;
  void has_room(Session& session) override;
  void arm(Session& session, std::int64_t steady_ms) override;
  bool is_reading_held() const override { return is_reading_held_; }

  void authenticate_first(Session& session, protocol::RequestId id, const protocol::Auth& request);
  void opened_by(Session& session, protocol::RequestId id, Result<auth::Principal> principal);
  void refresh(Session& session, protocol::RequestId id, const protocol::Auth& request);
  void refreshed_by(Session& session, ReplyRing::Ticket ticket, Result<auth::Principal> principal);
  void end_for(Session& session, const Error& refusal);
  /// Looks at the connections behind the id `after`.
  void end_revoked(std::string_view after);
  void begin(Session& session, auth::Principal principal, const protocol::RequestId& auth_id);
  bool take_client_place(Session& session, const auth::Principal& principal,
                         const protocol::RequestId& auth_id);
  void move_away(Session& session, std::size_t home, auth::Principal principal,
                 protocol::RequestId auth_id);
  void log_opening(const Session& session);
  void log_end(const Session& session);
  void fire_session(SessionNumber number);
  void once_a_second();
  void forget_old();
  void forget_logs();
  void forget_commands();
  void close_all();

  const std::size_t index_;
  const Settings& settings_;
  Ports ports_;
  protocol::Parser parser_;
  Encoder encoder_;
  const SessionPorts session_ports_;
  Connections connections_;
  auth::Revocations revocations_;
  Authenticator authenticator_;
  Home home_;
  Durables durables_;
  IdempotencyKeys idempotency_keys_;
  FleetDesk fleet_desk_;
  Operations operations_;
  Joins joins_;
  Router router_;
  TimerWheel<SessionNumber> timers_;
  std::vector<SessionNumber> closed_;
  /// Connections whose log rows a failed commit took back.
  std::vector<SessionNumber> unopened_;
  /// Ends whose log rows a failed commit took back.
  std::vector<ConnectionLog> unlogged_;
  /// Replays that wait for room, by connection.
  std::map<SessionNumber, std::vector<std::pair<std::size_t, SubscriptionNumber>>> wanting_room_;
  Counters counters_;
  std::size_t clients_ = 0;
  std::int64_t next_second_ms_ = 0;
  std::int64_t next_forgetting_ms_ = 0;
  bool is_reading_held_ = false;
  bool has_logs_to_forget_ = false;
  bool has_commands_to_forget_ = false;
  bool is_memory_short_ = false;
  bool is_draining_ = false;
  std::int64_t drain_until_ms_ = 0;
};

template <typename T>
void Shard::ask(std::size_t shard, std::move_only_function<void(Shard&, Completion<T>)> question,
                Completion<T> answer) {
  if (shard == index_) {
    question(*this, std::move(answer));
    return;
  }
  ports_.peers.post(shard, [from = index_, question = std::move(question),
                            answer = std::move(answer)](Shard& there) mutable {
    question(there, [&peers = there.ports_.peers, from,
                     answer = std::move(answer)](Result<T> result) mutable {
      peers.post(from, [answer = std::move(answer), result = std::move(result)](Shard&) mutable {
        answer(std::move(result));
      });
    });
  });
}

}  // namespace fairlead::hub
