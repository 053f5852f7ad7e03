#include <algorithm>
#include <utility>
#include <vector>

#include "hub/shard.h"

namespace fairlead::hub {

void Shard::arm(Session& session, std::int64_t steady_ms) {
  if (session.is_ended() || steady_ms == 0) return;
  const bool is_earlier = session.armed_for_ms == 0 || steady_ms < session.armed_for_ms;
  if (!is_earlier) return;
  session.armed_for_ms = steady_ms;
  timers_.set(steady_ms, session.number());
}

void Shard::fire_session(SessionNumber number) {
  Session* const session = connections_.find(number);
  const std::int64_t now = ports_.clock.steady_ms();
  // Set for a time that was replaced by an earlier one.
  if (session == nullptr || session->armed_for_ms == 0 || session->armed_for_ms > now) return;
  session->armed_for_ms = 0;
  if (!session->is_ended()) arm(*session, session->fire(now));
}

void Shard::fire_timers() {
  const std::int64_t now = ports_.clock.steady_ms();
  timers_.advance(now, [this](SessionNumber number) { fire_session(number); });
  authenticator_.fire(now);
  const std::int64_t wall = ports_.clock.now_ms();
  const auto deadline = home_.commands().next_deadline();
  if (deadline && *deadline <= wall) home_.commands().fire(wall);
  if (now >= next_second_ms_) {
    next_second_ms_ = now + 1000;
    once_a_second();
  }
}

std::int64_t Shard::next_due_ms() const {
  const std::int64_t now = ports_.clock.steady_ms();
  // Somebody went while the turn's output left.
  if (!closed_.empty()) return now;
  if (is_reading_held_) return now + TimerWheel<SessionNumber>::kTickMs;
  std::int64_t next = next_second_ms_;
  for (const auto other : {timers_.next_due_ms(), authenticator_.next_due_ms()}) {
    next = std::min(next, other.value_or(next));
  }
  // Deadlines are of the wall clock; should it be set meanwhile, the second is not long.
  if (const auto deadline = home_.commands().next_deadline()) {
    next = std::min(next, now + std::max<std::int64_t>(*deadline - ports_.clock.now_ms(), 0));
  }
  return std::max(next, now);
}

void Shard::once_a_second() {
  home_.once_a_second();
  durables_.drop_unused();
  joins_.touch_durables();
  fleets().once_a_second();
  revocations_.sweep(ports_.clock.now_ms());
  if (index_ == 0) forget_old();
  for (const SessionNumber number : std::exchange(unopened_, {})) {
    const Session* const session = connections_.find(number);
    if (session != nullptr && !session->is_ended()) log_opening(*session);
  }
  for (ConnectionLog& log : std::exchange(unlogged_, {})) {
    ConnectionLog copy = log;
    ports_.logs.close_log(std::move(copy),
                          [this, log = std::move(log)](Result<void> result) mutable {
                            if (!result && unlogged_.size() < kMaxUnlogged) {
                              unlogged_.push_back(std::move(log));
                            }
                          });
  }
}

void Shard::forget_old() {
  if (ports_.clock.steady_ms() >= next_forgetting_ms_) {
    next_forgetting_ms_ = ports_.clock.steady_ms() + kForgetEveryMs;
    // What could not be forgotten now is in an hour.
    ports_.revocations.forget_expired(ports_.clock.now_ms(), [](Result<void>) {});
    has_logs_to_forget_ = settings_.connection_log_days > 0;
    has_commands_to_forget_ = settings_.command_days > 0;
  }
  const bool has_time = !ports_.backpressure.is_congested();
  if (has_time && std::exchange(has_logs_to_forget_, false)) forget_logs();
  if (has_time && std::exchange(has_commands_to_forget_, false)) forget_commands();
}

/// One bounded step; the next one is a second later, if it is needed.
void Shard::forget_logs() {
  const std::int64_t before = ports_.clock.now_ms() - settings_.connection_log_days * kDayMs;
  ports_.logs.forget_logs(before, [this](Result<bool> has_more) {
    if (has_more && *has_more) has_logs_to_forget_ = true;
  });
}

/// The same of finished commands.
void Shard::forget_commands() {
  const std::int64_t before = ports_.clock.now_ms() - settings_.command_days * kDayMs;
  ports_.commands.forget_commands(before, [this](Result<bool> has_more) {
    if (has_more && *has_more) has_commands_to_forget_ = true;
  });
}

void Shard::end_turn() {
  home_.flush();
  for (const SessionNumber number : std::exchange(closed_, {})) connections_.erase(number);
  const bool is_behind =
      is_draining_ || ports_.backpressure.is_congested() || ports_.peers.is_any_full();
  if (std::exchange(is_reading_held_, is_behind) != is_behind) {
    ports_.host.hold_reading(is_behind);
  }
  const bool is_short = ports_.backpressure.is_memory_short();
  if (std::exchange(is_memory_short_, is_short) != is_short) {
    connections_.each("", [is_short](Session& session) {
      session.set_memory_short(is_short);
      return true;
    });
  }
  if (!is_draining_) return;
  bool is_answered = true;
  connections_.each("", [&is_answered](const Session& session) {
    is_answered = session.is_ended() || !session.owes_answers();
    return is_answered;
  });
  if (is_answered || ports_.clock.steady_ms() >= drain_until_ms_) close_all();
}

void Shard::drain(std::int64_t give_up_steady_ms) {
  is_draining_ = true;
  home_.commands().end_waits();
  fleets().stop();
  drain_until_ms_ = give_up_steady_ms;
}

void Shard::close_all() {
  std::vector<SessionNumber> open;
  connections_.each("", [&open](const Session& session) {
    if (!session.is_ended()) open.push_back(session.number());
    return true;
  });
  for (const SessionNumber number : open) {
    Error error{.code = Code::kOverloaded, .message = "the hub restarts"};
    // Spread, so that a fleet does not come back in one moment.
    error.retry_after_ms = static_cast<std::int64_t>(
        kMinRestartRetryMs + ports_.random.below(kMaxRestartRetryMs - kMinRestartRetryMs));
    connections_.find(number)->end(protocol::CloseCode::kRestart, "restart", &error);
  }
}

}  // namespace fairlead::hub
