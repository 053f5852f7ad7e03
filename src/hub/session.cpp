#include "hub/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "protocol/events.h"
#include "protocol/limits.h"

namespace fairlead::hub {
namespace {

// RFC 6455, 5.5: a control frame holds 125 bytes, two of them the code.
constexpr std::size_t kMaxReasonBytes = 123;

std::string cause_of_peer(const net::CloseInfo& info) {
  if (!info.reason.empty()) return info.reason;
  if (info.code == static_cast<std::uint16_t>(protocol::CloseCode::kLost)) {
    return "connection lost";
  }
  return fmt::format("closed with {}", info.code);
}

}  // namespace

Session::Session(SessionNumber number, Arrival arrival, protocol::Parser& parser, Encoder& encoder,
                 SessionOwner& owner, const Clock& clock, const Settings& settings)
    : number_(number),
      transport_(std::move(arrival.transport)),
      info_(std::move(arrival.info)),
      parser_(parser),
      encoder_(encoder),
      owner_(owner),
      clock_(clock),
      settings_(settings),
      outbox_(*transport_, settings.outbox_bytes, encoder, info_.codec),
      rate_(settings.messages_per_second, settings.burst),
      opened_steady_ms_(clock.steady_ms()),
      last_life_steady_ms_(opened_steady_ms_),
      last_seen_ms_(clock.now_ms()) {}

void Session::move_to(SessionState state) {
  FAIRLEAD_ASSERT(may_follow(state_, state));
  state_ = state;
}

Encoded Session::encode(std::string_view json) const { return encoder_.encode(info_.codec, json); }

void Session::set_principal(auth::Principal principal) {
  const bool is_short_lived = principal.expires_at_ms - clock_.now_ms() <= kExpiryNoticeMs;
  is_expiry_told_ = principal.expires_at_ms == 0 || is_short_lived;
  principal_ = std::move(principal);
}

void Session::begin_opening() {
  move_to(SessionState::kOpening);
  update_reading();
}

void Session::open(std::string_view welcome_json) {
  move_to(SessionState::kOpen);
  tell(welcome_json);
  if (auto waiting = std::exchange(answer_when_open_, std::nullopt)) {
    answer_ok(*waiting);
  }
  update_reading();
}

void Session::answer_when_open(ReplyRing::Ticket ticket) {
  if (state_ == SessionState::kOpen) {
    answer_ok(ticket);
  } else {
    answer_when_open_ = ticket;
  }
}

void Session::on_sign_of_life() {
  last_life_steady_ms_ = clock_.steady_ms();
  last_seen_ms_ = clock_.now_ms();
  unanswered_pings_ = 0;
}

void Session::on_message(MessageKind kind, std::string_view payload) {
  if (is_ended()) return;
  const bool is_text = info_.codec == protocol::Codec::kJson;
  if ((kind == MessageKind::kText) != is_text) {
    const Error error{.code = Code::kBadMessage,
                      .message = is_text ? "this connection speaks JSON in text frames"
                                         : "this connection speaks CBOR in binary frames"};
    end(protocol::CloseCode::kWrongKind, close_name(protocol::CloseCode::kWrongKind), &error);
    return;
  }
  ++messages_in_;
  auto parsed = parser_.parse(info_.codec, payload);
  const std::int64_t wait_ms = rate_.take(clock_.steady_ms());
  if (wait_ms > 0) {
    refuse_over_rate(std::move(parsed ? parsed->id : parsed.error().id), wait_ms);
  } else if (!parsed) {
    const bool was_awaited = state_ == SessionState::kAwaitingAuth;
    owner_.refused(parsed.error());
    answer_error(take_ticket(std::move(parsed.error().id)), parsed.error().error);
    if (was_awaited) {
      end(protocol::CloseCode::kUnauthenticated, "the first message must be auth");
    }
  } else {
    owner_.handle(*this, std::move(parsed->id), std::move(parsed->request));
  }
  update_reading();
}

void Session::refuse_over_rate(protocol::RequestId id, std::int64_t retry_after_ms) {
  const std::int64_t now = clock_.steady_ms();
  const bool was_quiet = now - last_over_rate_ > 1000;
  if (was_quiet) over_rate_since_ = now;
  last_over_rate_ = now;
  Error error{.code = Code::kRateLimited,
              .message = fmt::format("over {} messages a second", settings_.messages_per_second)};
  error.retry_after_ms = retry_after_ms;
  answer_error(take_ticket(std::move(id)), error);
  if (now - over_rate_since_ >= kMaxOverRateMs) {
    error.message = "over the rate for too long";
    error.retry_after_ms = kMaxOverRateMs;
    end(protocol::CloseCode::kOverRate, "over the rate", &error);
  }
}

void Session::answer_error(ReplyRing::Ticket ticket, const Error& error) {
  const auto kind =
      protocol::counts_as_bad(error.code) ? Answer::Kind::kBadMessage : Answer::Kind::kOtherError;
  answer(ticket, {.kind = kind, .json = {}},
         [&error](std::string& json, const protocol::RequestId& id) {
           protocol::write_error(json, id, error);
         });
}

void Session::heartbeat(ReplyRing::Ticket ticket) {
  answer(ticket, {}, [this](std::string& json, const protocol::RequestId& id) {
    protocol::write_heartbeat(json, id, clock_.now_ms());
  });
}

void Session::send_answer(const Answer& answer, std::string_view json) {
  if (is_ended()) return;
  if (!json.empty()) send_control(encode(json));
  if (answer.kind == Answer::Kind::kOk) bad_in_a_row_ = 0;
  if (answer.ends_join) end_join();
  if (answer.kind == Answer::Kind::kBadMessage && ++bad_in_a_row_ == protocol::kMaxBadInARow) {
    end(protocol::CloseCode::kBadMessages, close_name(protocol::CloseCode::kBadMessages));
  }
}

void Session::send_answers() {
  while (const auto next = replies_.next()) send_answer(*next, next->json);
  update_reading();
}

void Session::tell(std::string_view json) {
  if (!is_ended()) send_control(encode(json));
}

void Session::send_control(const Encoded& message) {
  ++messages_out_;
  if (!outbox_.control(message)) {
    end(protocol::CloseCode::kTooSlow, close_name(protocol::CloseCode::kTooSlow));
  }
}

void Session::tell_event(std::string_view json) {
  if (joins_ == 0) {
    tell(json);
  } else {
    deliver({.event_class = EventClass::kControl, .frame = encoder_.frame(info_.codec, json)}, {});
  }
}

void Session::deliver(const Event& event, const Recipient& recipient) {
  if (is_ended()) return;
  if (joins_ == 0) {
    pass_on(event, recipient);
    return;
  }
  held_bytes_ += event.frame->wire().size();
  if (held_bytes_ > settings_.outbox_bytes && event.event_class != EventClass::kReplay) {
    end(protocol::CloseCode::kTooSlow, close_name(protocol::CloseCode::kTooSlow));
    return;
  }
  held_.push_back({event, recipient});
}

void Session::pass_on(const Event& event, const Recipient& recipient) {
  switch (event.event_class) {
    case EventClass::kControl:
      ++messages_out_;
      if (!outbox_.control(event.frame)) {
        end(protocol::CloseCode::kTooSlow, close_name(protocol::CloseCode::kTooSlow));
      }
      return;
    case EventClass::kReplay:
      // The home shard sends a bounded piece and waits until there is room for the next.
      ++messages_out_;
      transport_->send(event.frame);
      return;
    case EventClass::kTelemetry:
      messages_out_ += event.frame->messages();
      if (recipient.min_interval_ms == 0) {
        outbox_.telemetry(event, recipient);
        return;
      }
      outbox_.conflate(event, recipient, clock_.steady_ms());
      owner_.arm(*this, clock_.steady_ms() + recipient.min_interval_ms);
      return;
  }
}

void Session::end_join() {
  if (--joins_ > 0) return;
  for (const HeldEvent& held : std::exchange(held_, {})) pass_on(held.event, held.recipient);
  held_bytes_ = 0;
}

void Session::deliver_command(SharedFrame frame, std::string command) {
  if (is_ended()) return;
  ++messages_out_;
  if (transport_->queued_bytes() + frame->wire().size() > settings_.outbox_bytes) {
    end(protocol::CloseCode::kTooSlow, close_name(protocol::CloseCode::kTooSlow));
    return;
  }
  unwritten_commands_.emplace_back(transport_->send(std::move(frame)), std::move(command));
}

void Session::on_violation(std::uint16_t code, std::string_view reason) {
  if (is_ended()) return;
  const bool is_too_big = code == static_cast<std::uint16_t>(protocol::CloseCode::kTooBig);
  Error error{.code = is_too_big ? Code::kTooLarge : Code::kBadMessage,
              .message = std::string(reason)};
  if (is_too_big) {
    error.limit = static_cast<std::int64_t>(settings_.max_message_bytes);
    error.message = fmt::format("a message has at most {} bytes", settings_.max_message_bytes);
  }
  std::string json;
  protocol::write_error(json, {}, error);
  tell(json);
}

void Session::on_written() {
  while (!unwritten_commands_.empty() &&
         unwritten_commands_.front().first <= transport_->written()) {
    const std::string command = std::move(unwritten_commands_.front().second);
    unwritten_commands_.pop_front();
    if (!is_ended()) owner_.command_written(*this, command);
  }
  if (wants_room_ && outbox_.has_room()) {
    wants_room_ = false;
    owner_.has_room(*this);
  }
}

void Session::end(protocol::CloseCode code, std::string_view reason, const Error* told,
                  const protocol::RequestId& told_id) {
  if (is_ended()) return;
  if (told != nullptr) {
    std::string json;
    // The `auth` that should have opened the session is answered by this.
    protocol::write_error(json, answer_when_open_ ? replies_.id(*answer_when_open_) : told_id, *told);
    const Encoded message = encode(json);
    transport_->send(message.kind, message.bytes);
    ++messages_out_;
  }
  book_end(static_cast<std::uint16_t>(code), reason);
  transport_->close(cause_.code, std::string_view(cause_.reason).substr(0, kMaxReasonBytes));
}

void Session::book_end(std::uint16_t code, std::string_view reason) {
  move_to(SessionState::kEnded);
  cause_ = {code, std::string(reason)};
  held_.clear();
  unwritten_commands_.clear();
  owner_.ended(*this);
}

void Session::on_closed(const net::CloseInfo& info) {
  if (!is_ended()) book_end(info.code, cause_of_peer(info));
  owner_.closed(*this);
}

void Session::set_store_is_behind(bool is_behind) {
  is_store_behind_ = is_behind;
  update_reading();
}

void Session::set_awaits_verdict(bool awaits_verdict) {
  awaits_verdict_ = awaits_verdict;
  update_reading();
}

void Session::update_reading() {
  if (is_ended()) return;
  const std::size_t most = is_reading_ ? kMaxOpenReplies : kMaxOpenReplies / 2;
  const bool should_read = state_ != SessionState::kOpening && !is_store_behind_ &&
                           !awaits_verdict_ && replies_.size() < most;
  if (should_read == is_reading_) return;
  is_reading_ = should_read;
  if (should_read) {
    transport_->resume_reading();
  } else {
    transport_->pause_reading();
  }
}

void Session::hand_over(std::move_only_function<void(std::unique_ptr<net::Transport>)> taker) {
  transport_->hand_over(std::move(taker));
}

std::int64_t Session::fire(std::int64_t steady_ms) {
  if (is_ended()) return 0;
  if (state_ == SessionState::kAwaitingAuth) {
    const std::int64_t due = opened_steady_ms_ + settings_.auth_timeout_ms;
    if (steady_ms < due) return due;
    const Error error{
        .code = Code::kUnauthenticated,
        .message = fmt::format("no auth message within {} ms", settings_.auth_timeout_ms)};
    end(protocol::CloseCode::kUnauthenticated, "no auth message in time", &error);
    return 0;
  }
  std::int64_t next = fire_heartbeat(steady_ms);
  if (!is_ended()) next = std::min(next, fire_expiry(steady_ms));
  if (is_ended()) return 0;
  const auto conflated = outbox_.flush_conflated(steady_ms);
  return std::min(next, conflated.value_or(next));
}

std::int64_t Session::fire_heartbeat(std::int64_t steady_ms) {
  const auto due = [this] {
    return last_life_steady_ms_ + settings_.heartbeat_ms * (1 + unanswered_pings_);
  };
  // Who is not read cannot be heard.
  if (!is_reading_) last_life_steady_ms_ = steady_ms;
  if (steady_ms < due()) return due();
  if (unanswered_pings_ == 2) {
    const Error error{
        .code = Code::kUnauthenticated,
        .message = fmt::format("no sign of life for {} ms", steady_ms - last_life_steady_ms_)};
    end(protocol::CloseCode::kNoSignOfLife, close_name(protocol::CloseCode::kNoSignOfLife), &error);
    return 0;
  }
  // So long without a word: what busier times needed is given back.
  replies_.rest();
  transport_->ping();
  ++unanswered_pings_;
  return steady_ms + settings_.heartbeat_ms;
}

std::int64_t Session::fire_expiry(std::int64_t steady_ms) {
  constexpr std::int64_t kFarMs = 24LL * 60 * 60 * 1000;
  if (!principal_ || principal_->expires_at_ms == 0) return steady_ms + kFarMs;
  const std::int64_t left = principal_->expires_at_ms - clock_.now_ms();
  if (left <= 0) {
    const Error error{.code = Code::kUnauthenticated, .message = "token expired"};
    end(protocol::CloseCode::kUnauthenticated, "token expired", &error);
    return 0;
  }
  if (!is_expiry_told_ && left <= kExpiryNoticeMs) {
    is_expiry_told_ = true;
    std::string json;
    protocol::write_auth_expiring(json, principal_->expires_at_ms);
    tell(json);
  }
  return steady_ms + std::min(is_expiry_told_ ? left : left - kExpiryNoticeMs, kFarMs);
}

}  // namespace fairlead::hub
