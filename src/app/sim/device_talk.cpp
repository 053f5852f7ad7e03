// What a device says to the hub, and how it takes what the hub says.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "app/sim/chance.h"
#include "app/sim/device.h"
#include "protocol/json_writer.h"

namespace fairlead::app::sim {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kStatusEveryUs = 90 * kSecond;
constexpr std::int64_t kHoldUs = kSecond;
constexpr std::size_t kMostInBatch = 100;

std::string sample_json(const Sample& sample) {
  return fmt::format(R"("ts":{},"seq":{},"metrics":{})", sample.reading.ts, sample.seq,
                     sample.reading.metrics);
}

std::string batch_json(const std::vector<Sample>& samples) {
  std::string json = R"("samples":[)";
  for (const Sample& sample : samples) {
    if (json.back() != '[') json += ',';
    json += '{' + sample_json(sample) + '}';
  }
  return json + ']';
}

/// Nine in ten are well.
std::string status_json(Random& random) {
  static constexpr std::array<std::string_view, 4> kTroubles = {
      R"("status":"warning","detail":"filter is due")",
      R"("status":"warning","detail":"running hot")",
      R"("status":"maintenance","detail":"service door open")",
      R"("status":"error","detail":"sensor 2 does not answer")",
  };
  const std::uint64_t draw = random.below(40);
  return std::string(draw < kTroubles.size() ? kTroubles[draw] : R"("status":"ok")");
}

/// Refusals that a sound request can meet, so that they blame nobody.
bool may_conflict(const Request& request, std::string_view code) {
  return request.kind == RequestKind::kAccept && code == "conflict";
}

}  // namespace

void Device::send(Request request, std::string_view type, std::string_view members,
                  const Moment& now) {
  request.sent_us = now.steady_us;
  const std::int64_t id = requests_.add(std::move(request));
  const std::string_view comma = members.empty() ? "" : ",";
  line_->send(fmt::format(R"({{"type":"{}","id":{}{}{}}})", type, id, comma, members));
  gate_.charge(now.steady_us);
  gate_us_ = gate_.opens_us(now.steady_us);
  said_us_ = now.steady_us;
}

void Device::send_register(const Moment& now) {
  std::string members;
  protocol::JsonWriter json(members);
  json.begin_object().member("name", settings_.id);
  json.member("device_type", settings_.profile->device_type);
  json.member("firmware", settings_.profile->firmware);
  json.raw_member("capabilities", settings_.capabilities);
  json.raw_member("metadata", R"({"simulated":true})").end_object();
  is_registered_ = true;
  send({.kind = RequestKind::kRegister}, "device.register",
       std::string_view(members).substr(1, members.size() - 2), now);
}

void Device::send_status(const Moment& now) {
  status_us_ = now.steady_us + kSecond + chance_us(kStatusEveryUs, random_);
  send({.kind = RequestKind::kStatus}, "device.status", status_json(random_), now);
}

void Device::send_result(const Outcome& outcome, const Moment& now) {
  const std::string members = fmt::format(R"("command":"{}","status":"{}","{}":{})",
                                          outcome.command, outcome.executed ? "executed" : "failed",
                                          outcome.executed ? "result" : "error", outcome.detail);
  send({.kind = RequestKind::kResult, .command = outcome.command}, "command.result", members, now);
}

bool Device::may_send_telemetry() const {
  if (backlog_.is_empty() || is_doubt_in_flight_) return false;
  const std::size_t window = backlog_.is_in_doubt() ? 1 : settings_.window;
  return requests_.telemetry() < window;
}

void Device::send_telemetry(const Moment& now) {
  std::vector<Sample> samples = backlog_.take(kMostInBatch, message_bytes_);
  is_doubt_in_flight_ = samples.front().in_doubt;
  sequence_.sent(samples.back().seq);
  tally_->sent += samples.size();
  if (is_doubt_in_flight_) tally_->resent += samples.size();
  const bool is_single = samples.size() == 1;
  const std::string members =
      fmt::format(R"("epoch":"{}",{})", settings_.epoch,
                  is_single ? sample_json(samples.front()) : batch_json(samples));
  send({.kind = RequestKind::kTelemetry, .samples = std::move(samples)},
       is_single ? "telemetry" : "telemetry.batch", members, now);
}

/// Says what there is to say and what window and rate allow.
void Device::pump(const Moment& now) {
  const auto is_open = [&] {
    gate_us_ = gate_.opens_us(now.steady_us);
    return std::max(hold_us_, gate_us_) <= now.steady_us;
  };
  if (!is_registered_ && is_open()) send_register(now);
  while (!results_due_.empty() && is_open()) {
    send_result(results_due_.front(), now);
    results_due_.erase(results_due_.begin());
  }
  while (may_send_telemetry() && is_open()) {
    send_telemetry(now);
    take_readings(now);
  }
  const bool is_quiet = now.steady_us - said_us_ >= heartbeat_us_ * 4 / 5;
  if (is_quiet && !requests_.has_heartbeat()) {
    send({.kind = RequestKind::kHeartbeat}, "heartbeat", "", now);
  }
}

void Device::work_on_commands(const Moment& now) {
  for (Outcome& outcome : desk_.take_finished(now)) {
    const CommandSpec* spec = desk_.spec_of(outcome.command);
    if (outcome.executed && spec != nullptr && !spec->metric.empty()) {
      const auto value = reader_->number_in(desk_.params_of(outcome.command), spec->param);
      if (value) source_->move(spec->metric, *value, now);
    }
    results_due_.push_back(std::move(outcome));
  }
}

void Device::on_message(std::string_view text, const Moment& now) {
  if (state_ != State::kWelcoming && state_ != State::kOnline) return;
  heard_us_ = now.steady_us;
  const auto message = reader_->read(text);
  if (!message) {
    violation(fmt::format("a message that cannot be read: {}", message.error()));
    return;
  }
  const bool is_welcome = std::holds_alternative<Welcome>(*message);
  const bool is_error = std::holds_alternative<ErrorMessage>(*message);
  if (state_ == State::kWelcoming && !is_welcome && !is_error) {
    violation("the first message is no welcome");
  }
  std::visit([&](const auto& what) { hear(what, now); }, *message);
  if (state_ == State::kOnline) {
    pump(now);
    close_when_idle();
  }
}

void Device::hear(const Welcome& welcome, const Moment& now) {
  if (state_ == State::kOnline) {
    violation("a second welcome");
    return;
  }
  if (welcome.subject != settings_.id) {
    violation(fmt::format("welcome for {}", welcome.subject));
  }
  if (const std::string problem = sequence_.welcomed(welcome); !problem.empty()) {
    violation(problem);
  }
  if (sequence_.is_current(welcome)) {
    const std::size_t stored = backlog_.drop_stored(welcome.last_seq);
    tally_->acked += stored;
    tally_->acked_by_welcome += stored;
  }
  if (++tally_->welcomes; connection_ > 1) ++tally_->reconnects;
  state_ = State::kOnline;
  deadline_us_ = kNever;
  plan_.welcomed();
  gate_.set(welcome.messages_per_second, welcome.burst, now.steady_us);
  // Room for what stands around the samples.
  message_bytes_ =
      static_cast<std::size_t>(std::max<std::int64_t>(welcome.max_message_bytes, 1024)) * 3 / 4;
  heartbeat_us_ = std::max<std::int64_t>(welcome.heartbeat_ms, 100) * 1000;
  status_us_ = now.steady_us + chance_us(kStatusEveryUs, random_);
  vanish_us_ = settings_.vanish_every_us > 0
                   ? now.steady_us + chance_us(settings_.vanish_every_us, random_)
                   : kNever;
}

std::optional<Request> Device::answered(std::optional<std::int64_t> id) {
  if (!id) {
    violation("an answer without an id");
    return std::nullopt;
  }
  Requests::Answered found = requests_.answer(*id);
  if (!found.problem.empty()) violation(found.problem);
  for (const Request& passed : found.passed_over) {
    // What became of these nobody will tell any more.
    if (!passed.samples.empty() && passed.samples.front().in_doubt) is_doubt_in_flight_ = false;
  }
  return std::move(found.request);
}

void Device::hear(const Ack& ack, const Moment& now) {
  auto request = answered(ack.id);
  if (!request) return;
  if (request->kind == RequestKind::kHeartbeat) violation("a heartbeat was answered by an ack");
  acked(*request, ack, now);
}

void Device::acked(Request& request, const Ack& ack, const Moment& now) {
  switch (request.kind) {
    case RequestKind::kTelemetry: {
      if (const auto problem = sequence_.acked(ack, request.samples); !problem.empty()) {
        violation(problem);
      }
      if (request.samples.front().in_doubt) is_doubt_in_flight_ = false;
      tally_->acked += request.samples.size();
      tally_->duplicates +=
          static_cast<std::uint64_t>(std::max<std::int64_t>(ack.duplicates.value_or(0), 0));
      tally_->latency.record(now.steady_us - request.sent_us);
      tally_->latency_now.record(now.steady_us - request.sent_us);
      break;
    }
    case RequestKind::kResult:
      ++tally_->results;
      desk_.result_acked(request.command);
      break;
    case RequestKind::kRegister:
    case RequestKind::kStatus:
    case RequestKind::kHeartbeat:
    case RequestKind::kAccept:
    case RequestKind::kAuth:
      break;
  }
}

void Device::hear(const ErrorMessage& error, const Moment& now) {
  if (!error.id) {
    // It stands before a close and says why, and when to come back.
    retry_after_ms_ = error.retry_after_ms;
    return;
  }
  auto request = answered(error.id);
  if (request) refused(*request, error, now);
}

void Device::refused(Request& request, const ErrorMessage& error, const Moment& now) {
  const bool is_for_now =
      error.code == "rate_limited" || error.code == "overloaded" || error.code == "internal";
  if (is_for_now) {
    refused_for_now(request, error, now);
    return;
  }
  ++tally_->other_errors;
  if (!request.samples.empty() && request.samples.front().in_doubt) is_doubt_in_flight_ = false;
  if (may_conflict(request, error.code)) return;
  violation(
      fmt::format("a sound request {} was refused: {}: {}", request.id, error.code, error.message));
}

void Device::refused_for_now(Request& request, const ErrorMessage& error, const Moment& now) {
  if (error.code == "rate_limited") ++tally_->rate_limited;
  if (error.code == "overloaded") ++tally_->overloaded;
  if (error.code == "internal") {
    ++tally_->other_errors;
    findings_->note(settings_.id, "internal: " + error.message);
  } else if (!error.retry_after_ms) {
    violation(fmt::format("{} without retry_after_ms", error.code));
  }
  const std::int64_t hold_us =
      error.retry_after_ms ? std::max<std::int64_t>(*error.retry_after_ms, 0) * 1000 : kHoldUs;
  hold_us_ = std::max(hold_us_, now.steady_us + hold_us);
  switch (request.kind) {
    case RequestKind::kTelemetry:
      if (request.samples.front().in_doubt) is_doubt_in_flight_ = false;
      backlog_.put_back_refused(std::move(request.samples));
      break;
    case RequestKind::kRegister:
      is_registered_ = false;
      break;
    case RequestKind::kResult:
      if (auto outcome = desk_.outcome_of(request.command)) {
        results_due_.push_back(*std::move(outcome));
      }
      break;
    case RequestKind::kStatus:
    case RequestKind::kHeartbeat:
    case RequestKind::kAccept:
    case RequestKind::kAuth:
      break;
  }
}

void Device::hear(const HeartbeatReply& reply, const Moment&) {
  const auto request = answered(reply.id);
  if (request && request->kind != RequestKind::kHeartbeat) {
    violation(fmt::format("request {} was answered by a heartbeat", request->id));
  }
}

void Device::hear(const CommandMessage& command, const Moment& now) {
  CommandDesk::Taken taken = desk_.take(command, connection_, now);
  if (!taken.problem.empty()) violation(taken.problem);
  ++(taken.is_new ? tally_->commands : tally_->commands_again);
  if (taken.outcome) {
    results_due_.push_back(*std::move(taken.outcome));
    return;
  }
  send({.kind = RequestKind::kAccept, .command = command.command}, "command.accept",
       fmt::format(R"("command":"{}")", command.command), now);
}

void Device::hear(const AuthExpiring&, const Moment& now) {
  send({.kind = RequestKind::kAuth}, "auth", fmt::format(R"("token":"{}")", line_->fresh_token()),
       now);
}

void Device::hear(const OtherMessage& other, const Moment&) {
  violation(fmt::format("a message that is not for devices: {}", other.type));
}

}  // namespace fairlead::app::sim
