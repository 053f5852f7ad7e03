#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/sim/backlog.h"
#include "app/sim/command_desk.h"
#include "app/sim/hub_message.h"
#include "app/sim/line.h"
#include "app/sim/moment.h"
#include "app/sim/rate_gate.h"
#include "app/sim/requests.h"
#include "app/sim/return_plan.h"
#include "app/sim/sequence_check.h"
#include "app/sim/source.h"
#include "app/sim/tally.h"
#include "base/random.h"

namespace fairlead::app::sim {

struct DeviceSettings {
  std::string id;
  std::string epoch;
  const Profile* profile = nullptr;
  /// The `capabilities` that it registers with, JSON.
  std::string capabilities;
  std::size_t window = 16;
  /// Mean time until it drops its connection; 0: never.
  std::int64_t vanish_every_us = 0;
};

/// One simulated device: says what goes to the hub and judges what comes back. Knows no sockets and
/// no clock: the driver tells it what happened and when, and ticks it at `due_us()`. Not
/// thread-safe. The references given to the constructor outlive it.
class Device {
 public:
  struct Surroundings {
    Line& line;
    HubMessageReader& reader;
    Tally& tally;
    Findings& findings;
  };
  Device(DeviceSettings settings, std::unique_ptr<Source> source, std::uint64_t seed,
         Surroundings surroundings);

  /// Connects for the first time at `at_us`.
  void start(std::int64_t at_us) { wake_us_ = at_us; }
  void on_open(const Moment& now);
  void on_refused(const Refusal& refusal, const Moment& now);
  void on_message(std::string_view text, const Moment& now);
  void on_sign_of_life(const Moment& now) { heard_us_ = now.steady_us; }
  void on_closed(std::uint16_t code, std::string_view reason, const Moment& now);

  void tick(const Moment& now);
  std::int64_t due_us() const;

  /// Takes no more readings, waits for the answers that it is owed, then closes.
  void finish(const Moment& now);
  /// The time for that is up: says which answers are missing, and drops the line.
  void give_up(const Moment& now);

  /// It will never connect again.
  bool is_stopped() const { return state_ == State::kStopped; }
  /// A recording has been played to its end, and all of it is stored.
  bool has_delivered_all() const;
  /// Samples taken and not known to be stored.
  std::size_t unacked() const;
  const std::string& id() const { return settings_.id; }

 private:
  enum class State : std::uint8_t { kAway, kConnecting, kWelcoming, kOnline, kClosing, kStopped };

  // device.cpp: the connection's life.
  void connect(const Moment& now);
  void stop();
  void lost_line(const Moment& now);
  void go_away(const Return& plan, const Moment& now);
  void vanish(const Moment& now);
  bool watch(const Moment& now);
  void take_readings(const Moment& now);
  void close_when_idle();
  std::int64_t online_due_us() const;

  // device_talk.cpp: what is said and heard.
  void pump(const Moment& now);
  bool may_send_telemetry() const;
  void send_telemetry(const Moment& now);
  void send(Request request, std::string_view type, std::string_view members, const Moment& now);
  void send_register(const Moment& now);
  void send_status(const Moment& now);
  void send_result(const Outcome& outcome, const Moment& now);
  void work_on_commands(const Moment& now);
  void hear(const Welcome& welcome, const Moment& now);
  void hear(const Ack& ack, const Moment& now);
  void hear(const ErrorMessage& error, const Moment& now);
  void hear(const HeartbeatReply& reply, const Moment& now);
  void hear(const CommandMessage& command, const Moment& now);
  void hear(const AuthExpiring& expiring, const Moment& now);
  void hear(const OtherMessage& other, const Moment& now);
  std::optional<Request> answered(std::optional<std::int64_t> id);
  void acked(Request& request, const Ack& ack, const Moment& now);
  void refused(Request& request, const ErrorMessage& error, const Moment& now);
  void refused_for_now(Request& request, const ErrorMessage& error, const Moment& now);
  void violation(std::string_view what) { findings_->violation(settings_.id, what); }

  DeviceSettings settings_;
  std::unique_ptr<Source> source_;
  SeededRandom random_;
  Line* line_;
  HubMessageReader* reader_;
  Tally* tally_;
  Findings* findings_;

  State state_ = State::kAway;
  bool is_finishing_ = false;
  bool is_registered_ = false;
  /// A message whose samples are in doubt waits for its ack; nothing may follow it.
  bool is_doubt_in_flight_ = false;
  std::uint64_t connection_ = 0;
  Backlog backlog_;
  Requests requests_;
  SequenceCheck sequence_;
  CommandDesk desk_;
  std::vector<Outcome> results_due_;
  ReturnPlan plan_;
  RateGate gate_;
  std::optional<std::int64_t> retry_after_ms_;
  std::size_t message_bytes_ = 0;
  std::int64_t heartbeat_us_ = 0;

  // Points on the steady clock, us.
  std::int64_t wake_us_ = kNever;
  std::int64_t deadline_us_ = kNever;
  std::int64_t hold_us_ = 0;
  std::int64_t vanish_us_ = kNever;
  std::int64_t status_us_ = kNever;
  std::int64_t heard_us_ = 0;
  std::int64_t said_us_ = 0;
  std::int64_t gate_us_ = 0;
};

}  // namespace fairlead::app::sim
