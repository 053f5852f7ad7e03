#include "app/sim/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

namespace fairlead::app::sim {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHandshakeUs = 15 * kSecond;
constexpr std::int64_t kAnswerUs = 60 * kSecond;
/// The hub pings after one heartbeat of silence, so this much means that it is gone.
constexpr double kSilenceInHeartbeats = 2.5;
/// Readings kept while the hub cannot be reached.
constexpr std::size_t kMostWaiting = 5000;
/// A recording is read only so far ahead.
constexpr std::size_t kMostAhead = 400;

}  // namespace

Device::Device(DeviceSettings settings, std::unique_ptr<Source> source, std::uint64_t seed,
               Surroundings surroundings)
    : settings_(std::move(settings)),
      source_(std::move(source)),
      random_(seed),
      line_(&surroundings.line),
      reader_(&surroundings.reader),
      tally_(&surroundings.tally),
      findings_(&surroundings.findings),
      sequence_(settings_.epoch),
      desk_(*settings_.profile, random_) {}

void Device::connect(const Moment& now) {
  state_ = State::kConnecting;
  wake_us_ = kNever;
  deadline_us_ = now.steady_us + kHandshakeUs;
  retry_after_ms_.reset();
  line_->open();
}

void Device::on_open(const Moment& now) {
  if (state_ != State::kConnecting) return;
  state_ = State::kWelcoming;
  ++connection_;
  heard_us_ = now.steady_us;
  said_us_ = now.steady_us;
  ++tally_->connected;
}

void Device::on_refused(const Refusal& refusal, const Moment& now) {
  if (state_ != State::kConnecting) return;
  ++tally_->connects_failed;
  const Return plan = plan_.after_refusal(refusal.status, refusal.retry_after_ms, random_);
  if (plan.verdict != Return::Verdict::kComeBack) findings_->note(settings_.id, refusal.message);
  go_away(plan, now);
}

void Device::on_closed(std::uint16_t code, std::string_view reason, const Moment& now) {
  if (state_ == State::kStopped || state_ == State::kAway) return;
  const bool was_asked_for = state_ == State::kClosing;
  lost_line(now);
  if (was_asked_for) {
    stop();
    return;
  }
  const Return plan = plan_.after_close(code, retry_after_ms_, random_);
  if (plan.verdict == Return::Verdict::kAccused) {
    violation(fmt::format("closed with {} {}", code, reason));
  } else if (plan.verdict == Return::Verdict::kStayAway) {
    findings_->note(settings_.id, fmt::format("closed with {} {}, stays away", code, reason));
  }
  go_away(plan, now);
}

void Device::go_away(const Return& plan, const Moment& now) {
  const bool is_through = is_finishing_ && backlog_.is_empty();
  if (plan.verdict != Return::Verdict::kComeBack || is_through) {
    stop();
    return;
  }
  state_ = State::kAway;
  wake_us_ = now.steady_us + plan.wait_us;
}

void Device::stop() {
  if (state_ != State::kStopped) ++tally_->stopped;
  state_ = State::kStopped;
}

void Device::lost_line(const Moment& now) {
  if (state_ >= State::kWelcoming) --tally_->connected;
  std::deque<Request> lost = requests_.take_all();
  for (Request& request : std::views::reverse(lost)) {
    if (request.kind == RequestKind::kTelemetry) {
      backlog_.put_back_in_doubt(std::move(request.samples));
    }
  }
  is_doubt_in_flight_ = false;
  // Unanswered commands are delivered again.
  results_due_.clear();
  hold_us_ = now.steady_us;
}

void Device::vanish(const Moment& now) {
  ++tally_->vanished;
  line_->drop();
  lost_line(now);
  state_ = State::kAway;
  wake_us_ = now.steady_us + kSecond / 2 + static_cast<std::int64_t>(random_.below(4 * kSecond));
}

/// Looks at what must not happen; true when the line was dropped for it.
bool Device::watch(const Moment& now) {
  if (state_ == State::kConnecting || state_ == State::kWelcoming) {
    if (now.steady_us < deadline_us_) return false;
    if (state_ == State::kWelcoming) violation("no welcome within 15 s");
    line_->drop();
    lost_line(now);
    go_away(plan_.after_refusal(0, std::nullopt, random_), now);
    return true;
  }
  const auto oldest = requests_.oldest_us();
  const bool is_unanswered = oldest && now.steady_us - *oldest > kAnswerUs;
  const auto silence_us = static_cast<double>(now.steady_us - heard_us_);
  const bool is_silent = silence_us > static_cast<double>(heartbeat_us_) * kSilenceInHeartbeats;
  if (!is_unanswered && !is_silent) return false;
  if (is_unanswered) {
    violation("a request was not answered within 60 s");
  } else {
    findings_->note(settings_.id, "no sign of life from the hub, connects anew");
  }
  line_->drop();
  lost_line(now);
  go_away(plan_.after_close(1006, std::nullopt, random_), now);
  return true;
}

void Device::take_readings(const Moment& now) {
  while (!is_finishing_ && source_->due_us() <= now.steady_us) {
    if (source_->waits() && backlog_.size() >= kMostAhead) return;
    auto reading = source_->take(now);
    if (!reading) return;
    ++tally_->samples;
    if (backlog_.size() >= kMostWaiting) {
      ++tally_->skipped;
    } else {
      backlog_.add(*std::move(reading));
    }
  }
}

void Device::tick(const Moment& now) {
  if (state_ == State::kStopped || state_ == State::kClosing) return;
  take_readings(now);
  if (state_ == State::kAway) {
    if (now.steady_us >= wake_us_) connect(now);
    return;
  }
  if (watch(now) || state_ != State::kOnline) return;
  if (now.steady_us >= vanish_us_ && !is_finishing_) {
    vanish(now);
    return;
  }
  work_on_commands(now);
  if (now.steady_us >= status_us_) send_status(now);
  pump(now);
  close_when_idle();
}

std::int64_t Device::due_us() const {
  if (state_ == State::kStopped || state_ == State::kClosing) return kNever;
  std::int64_t due = kNever;
  const bool takes = !is_finishing_ && !(source_->waits() && backlog_.size() >= kMostAhead);
  if (takes) due = source_->due_us();
  if (state_ == State::kAway) return std::min(due, wake_us_);
  if (state_ != State::kOnline) return std::min(due, deadline_us_);
  return std::min(due, online_due_us());
}

std::int64_t Device::online_due_us() const {
  const auto silence_us =
      static_cast<std::int64_t>(static_cast<double>(heartbeat_us_) * kSilenceInHeartbeats);
  std::int64_t due = std::min({desk_.due_us(), status_us_, heard_us_ + silence_us + 1});
  if (!requests_.has_heartbeat()) due = std::min(due, said_us_ + heartbeat_us_ * 4 / 5);
  if (!is_finishing_) due = std::min(due, vanish_us_);
  if (const auto oldest = requests_.oldest_us()) due = std::min(due, *oldest + kAnswerUs + 1);
  const bool has_to_say = may_send_telemetry() || !results_due_.empty() || !is_registered_;
  if (has_to_say) due = std::min(due, std::max(hold_us_, gate_us_));
  return due;
}

void Device::finish(const Moment& now) {
  if (is_finishing_) return;
  is_finishing_ = true;
  const bool owes_nothing = backlog_.is_empty();
  switch (state_) {
    case State::kAway:
      // With samples left it comes back for them, soon.
      if (owes_nothing) stop();
      wake_us_ = std::min(wake_us_, now.steady_us + kSecond);
      break;
    case State::kConnecting:
    case State::kWelcoming:
      if (!owes_nothing) break;
      line_->drop();
      lost_line(now);
      stop();
      break;
    case State::kOnline:
      close_when_idle();
      break;
    case State::kClosing:
    case State::kStopped:
      break;
  }
}

void Device::close_when_idle() {
  if (!is_finishing_ || state_ != State::kOnline) return;
  if (requests_.size() > 0 || !backlog_.is_empty()) return;
  state_ = State::kClosing;
  line_->close();
}

void Device::give_up(const Moment& now) {
  if (state_ == State::kStopped) return;
  const auto oldest = requests_.oldest_us();
  if (state_ == State::kOnline && oldest && now.steady_us - *oldest > 5 * kSecond) {
    violation(fmt::format("no answer to {} requests, the oldest sent {} s ago", requests_.size(),
                          (now.steady_us - *oldest) / kSecond));
  }
  line_->drop();
  if (state_ != State::kAway) lost_line(now);
  stop();
}

bool Device::has_delivered_all() const {
  return source_->due_us() == kNever && backlog_.is_empty() && requests_.telemetry() == 0;
}

std::size_t Device::unacked() const { return backlog_.size() + requests_.samples(); }

}  // namespace fairlead::app::sim
