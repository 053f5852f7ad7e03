#pragma once

#include <boost/intrusive/set.hpp>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/principal.h"
#include "base/clock.h"
#include "hub/arrival.h"
#include "hub/encoder.h"
#include "hub/event.h"
#include "hub/meter.h"
#include "hub/outbox.h"
#include "hub/reply_ring.h"
#include "hub/session_state.h"
#include "hub/settings.h"
#include "net/transport.h"
#include "protocol/codes.h"
#include "protocol/device_ref.h"
#include "protocol/events.h"
#include "protocol/json_writer.h"
#include "protocol/parse.h"

namespace fairlead::hub {

class Session;

/// A message that is too many.
struct OverRate {
  Error error;
  /// Sent too often by the connection or its device itself, not by others of its tenant.
  bool is_own = true;
};

/// What a session needs done by its shard.
class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  /// Takes a message of so many bytes from what the connection, its device and its tenant may send;
  /// or nothing of any.
  virtual std::optional<OverRate> charge(Session& session, std::size_t bytes) = 0;
  /// A request within its rate, well-formed; `auth` too, in any state.
  virtual void handle(Session& session, protocol::RequestId id, protocol::Request request) = 0;
  /// A message that is no request was answered with an error.
  virtual void refused(const protocol::BadRequest& bad) = 0;
  /// The end has a cause now: books it. Once a session.
  virtual void ended(Session& session) = 0;
  /// The socket is gone; the session may be destroyed, but not inside this call.
  virtual void closed(Session& session) = 0;
  /// The kernel took the frame of a command.
  virtual void command_written(Session& session, const std::string& command) = 0;
  /// A replay that asked for it may go on.
  virtual void has_room(Session& session) = 0;
  /// fire() is due at `steady_ms`, earlier than it said.
  virtual void arm(Session& session, std::int64_t steady_ms) = 0;
  /// Nobody's messages are read now, because the store or another shard is behind.
  virtual bool is_reading_held() const = 0;
};

/// Why a connection ended: the first cause wins.
struct Cause {
  std::uint16_t code = 0;
  std::string reason;
};

/// What the sessions of a shard have in common; outlives them.
struct SessionPorts {
  protocol::Parser& parser;
  Encoder& encoder;
  SessionOwner& owner;
  const Clock& clock;
  const Settings& settings;
};

/// One connection's life after its upgrade: reads requests within their rate, answers them in
/// order, passes events on, ends once. Most are idle most of the time: what only some need, or only
/// for moments, is not there before. Thread: its shard's.
class Session final : public net::MessageHandler,
                      public boost::intrusive::set_base_hook<
                          boost::intrusive::optimize_size<true>,
                          boost::intrusive::link_mode<boost::intrusive::normal_link>> {
 public:
  Session(SessionNumber number, Arrival arrival, const SessionPorts& ports);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  SessionNumber number() const { return number_; }
  const ConnectionInfo& info() const { return info_; }
  SessionState state() const { return state_; }
  bool is_ended() const { return state_ == SessionState::kEnded; }
  const std::optional<auth::Principal>& principal() const { return principal_; }
  /// Empty before the end.
  const Cause& cause() const;
  net::Transport& transport() { return *transport_; }

  /// Whom it speaks for from now on; permissions and expiry follow.
  void set_principal(auth::Principal principal);
  /// From kAwaitingAuth to kOpening: no message is delivered until open().
  void begin_opening();
  /// Says `welcome_json`, the first message of all, and goes on reading.
  void open(std::string_view welcome_json);

  // Answers. A ticket keeps the place of a request's answer among the others, and its id.
  ReplyRing::Ticket take_ticket(protocol::RequestId id) { return replies_.open(std::move(id)); }
  /// Of a request that is owed an answer.
  protocol::RequestId request_id(ReplyRing::Ticket ticket) const { return replies_.id(ticket); }
  /// An ack with the members that `write(protocol::JsonWriter&)` adds.
  template <std::invocable<protocol::JsonWriter&> Write>
  void answer_ok(ReplyRing::Ticket ticket, Write&& write, bool ends_join = false) {
    answer(ticket, {.kind = Answer::Kind::kOk, .json = {}, .ends_join = ends_join},
           [&write](std::string& json, const protocol::RequestId& id) {
             if (id.is_none()) return;
             protocol::JsonWriter ack = protocol::begin_ack(json, id);
             write(ack);
             ack.end_object();
           });
  }
  void answer_ok(ReplyRing::Ticket ticket) {
    answer_ok(ticket, [](protocol::JsonWriter&) {});
  }
  void answer_error(ReplyRing::Ticket ticket, const Error& error);
  /// The `auth` that opened the session is acked behind the welcome.
  void answer_when_open(ReplyRing::Ticket ticket);
  bool owes_answers() const { return replies_.size() > 0; }
  /// A whole message of the hub's that is no answer, kept from dropping.
  void tell(std::string_view json);
  void heartbeat(ReplyRing::Ticket ticket);

  // Events.
  /// One that no subscription asked for, such as the update of a command that this connection sent.
  void tell_event(std::string_view json);
  void deliver(const Event& event, const Recipient& recipient);
  /// A command for the device; command_written() follows when the kernel took it.
  void deliver_command(SharedFrame frame, std::string command);
  /// Until the subscription's ack has left, every event of this connection waits.
  void begin_join() { ++joins_; }
  void forget_subscription(SubscriptionNumber subscription) { outbox_.forget(subscription); }
  bool has_room() const { return outbox_.has_room(); }
  /// has_room() will be told when it is so.
  void ask_for_room() { wants_room_ = true; }

  /// The one way to an end from this side: tells why, closes. Later calls are ignored. Answers that
  /// wait for a commit are not sent any more; what is `told` answers the request `told_id`, if any.
  void end(protocol::CloseCode code, std::string_view reason, const Error* told = nullptr,
           const protocol::RequestId& told_id = {});

  Place take_place() { return std::move(place_); }
  /// Telemetry is dropped earlier.
  void set_memory_short(bool is_short) { outbox_.set_memory_short(is_short); }
  /// Reading stops while its token is looked at elsewhere.
  void set_awaits_verdict(bool awaits_verdict);

  /// What is due by now: pings, the end for want of a token or a sign of life, the notice of an
  /// expiry and the expiry. Returns when to be called again (steady ms).
  std::int64_t fire(std::int64_t steady_ms);

  /// Takes the transport away: the connection lives on elsewhere, this session without an end.
  void hand_over(std::move_only_function<void(std::unique_ptr<net::Transport>)> taker);

  // The shard's notes on this connection.
  struct DeviceSeat {
    /// Counts the device's connections from 1.
    std::int64_t session = 0;
    protocol::DeviceRef device = 0;
    explicit operator bool() const { return session != 0; }
  };
  /// None before the device has welcomed this connection as its own, and for clients.
  DeviceSeat seat;
  /// When fire() will be called next (steady ms); 0: not at all.
  std::int64_t armed_for_ms = 0;
  struct RunningSubscription {
    SubscriptionNumber number = 0;
    /// Which shards know it.
    std::vector<std::size_t> shards;
    /// The name that it was taken up by; empty: it is not durable.
    std::string durable;
  };
  struct Subscribed {
    SubscriptionNumber last = 0;
    /// Subscriptions to come, whose definition is being stored or looked for.
    std::size_t awaited = 0;
    std::vector<RunningSubscription> list;
  };
  /// Counted with its principal's connections.
  bool has_client_place() const { return has_client_place_; }
  void set_client_place(bool has_place) { has_client_place_ = has_place; }
  const Subscribed& subscribed() const;
  Subscribed& subscribed() { return some().subscribed; }

  Meter& meter() { return meter_; }
  SharedMeter* tenant_meter() const { return tenant_meter_; }
  void set_tenant_meter(SharedMeter* meter) { tenant_meter_ = meter; }

  std::int64_t last_seen_ms() const { return last_seen_ms_; }
  std::uint64_t messages_in() const { return messages_in_; }
  std::uint64_t messages_out() const { return messages_out_; }
  std::uint64_t dropped() const { return outbox_.dropped(); }

  // net::MessageHandler
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_sign_of_life() override;
  void on_violation(std::uint16_t code, std::string_view reason) override;
  void on_written() override;
  void on_memory_short() override;
  void on_closed(const net::CloseInfo& info) override;

 private:
  struct HeldEvent {
    Event event;
    Recipient recipient;
  };
  struct Occasional {
    Cause cause;
    Subscribed subscribed;
    /// Events that wait for the ack of a subscription.
    std::vector<HeldEvent> held;
    std::size_t held_bytes = 0;
    /// Commands whose frames the kernel has not taken yet, by position.
    std::vector<std::pair<std::uint64_t, std::string>> unwritten_commands;
    std::optional<ReplyRing::Ticket> answer_when_open;
    std::int64_t over_rate_since = 0;
    std::int64_t last_over_rate = 0;
  };

  Occasional& some();
  void move_to(SessionState state);
  Encoded encode(std::string_view json) const;
  /// Writes the answer with `write(json, id)`: what is next in order leaves without being kept.
  template <typename Write>
  void answer(ReplyRing::Ticket ticket, Answer answer, Write&& write) {
    if (!replies_.holds(ticket)) return;
    if (replies_.is_next(ticket)) {
      const protocol::RequestId id = replies_.skip();
      std::string& json = ports_.encoder.blank();
      write(json, id);
      send_answer(answer, json);
    } else {
      write(answer.json, replies_.id(ticket));
      replies_.fill(ticket, std::move(answer));
      tell_kept_bytes();
    }
    send_answers();
  }
  void send_answer(const Answer& answer, std::string_view json);
  void send_answers();
  void end_join();
  void send_control(const Encoded& message);
  void pass_on(const Event& event, const Recipient& recipient);
  void refuse_over_rate(protocol::RequestId id, OverRate over);
  void book_end(std::uint16_t code, std::string_view reason);
  void update_reading();
  /// After each change of what waits for an earlier answer, an ack or its time.
  void tell_kept_bytes();
  std::int64_t fire_heartbeat(std::int64_t steady_ms);
  std::int64_t fire_expiry(std::int64_t steady_ms);

  const SessionNumber number_;
  std::unique_ptr<net::Transport> transport_;
  ConnectionInfo info_;
  Place place_;
  std::optional<auth::Principal> principal_;
  const SessionPorts& ports_;
  Outbox outbox_;
  ReplyRing replies_;
  Meter meter_;
  /// Null where tenants have no limit.
  SharedMeter* tenant_meter_ = nullptr;
  /// Null before anything of it was needed.
  std::unique_ptr<Occasional> occasional_;

  std::int64_t opened_steady_ms_ = 0;
  std::int64_t last_life_steady_ms_ = 0;
  std::int64_t last_seen_ms_ = 0;
  std::uint64_t messages_in_ = 0;
  std::uint64_t messages_out_ = 0;
  int joins_ = 0;
  std::int16_t bad_in_a_row_ = 0;
  std::int8_t unanswered_pings_ = 0;
  SessionState state_ = SessionState::kAwaitingAuth;
  bool awaits_verdict_ = false;
  bool is_reading_ = true;
  bool wants_room_ = false;
  bool is_expiry_told_ = false;
  bool has_client_place_ = false;
};

}  // namespace fairlead::hub
