#include "hub/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "protocol/events.h"
#include "protocol/limits.h"
#include "protocol/problems.h"

namespace fairlead::hub {
namespace {

// RFC 6455, 5.5: a control frame holds 125 bytes, two of them the code.
constexpr std::size_t kMaxReasonBytes = 123;
constexpr std::size_t kEllipsisBytes = 3;

std::string cause_of_peer(const net::CloseInfo& info) {
  if (!info.reason.empty()) return info.reason;
  if (info.code == static_cast<std::uint16_t>(protocol::CloseCode::kLost)) {
    return "connection lost";
  }
  return fmt::format("closed with {}", info.code);
}

}  // namespace

Session::Session(SessionNumber number, Arrival arrival, const SessionPorts& ports)
    : number_(number),
      transport_(std::move(arrival.transport)),
      info_(std::move(arrival.info)),
      place_(std::move(arrival.place)),
      ports_(ports),
      outbox_(*transport_, ports.settings.outbox_bytes, ports.encoder, info_.codec),
      meter_(ports.settings.connection_rate()),
      opened_steady_ms_(ports.clock.steady_ms()),
      last_life_steady_ms_(opened_steady_ms_),
      last_seen_ms_(ports.clock.now_ms()) {}

Session::Occasional& Session::some() {
  if (!occasional_) occasional_ = std::make_unique<Occasional>();
  return *occasional_;
}

const Cause& Session::cause() const {
  static const Cause none;
  return occasional_ ? occasional_->cause : none;
}

const Session::Subscribed& Session::subscribed() const {
  static const Subscribed none;
  return occasional_ ? occasional_->subscribed : none;
}

void Session::move_to(SessionState state) {
  FAIRLEAD_ASSERT(may_follow(state_, state));
  state_ = state;
}

Encoded Session::encode(std::string_view json) const {
  return ports_.encoder.encode(info_.codec, json);
}

void Session::set_principal(auth::Principal principal) {
  const bool is_short_lived = principal.expires_at_ms - ports_.clock.now_ms() <= kExpiryNoticeMs;
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
  if (occasional_) {
    if (const auto waiting = std::exchange(occasional_->answer_when_open, std::nullopt)) {
      answer_ok(*waiting);
    }
  }
  update_reading();
}

void Session::answer_when_open(ReplyRing::Ticket ticket) {
  if (state_ == SessionState::kOpen) {
    answer_ok(ticket);
  } else {
    some().answer_when_open = ticket;
  }
}

void Session::on_sign_of_life() {
  last_life_steady_ms_ = ports_.clock.steady_ms();
  last_seen_ms_ = ports_.clock.now_ms();
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
  auto parsed = ports_.parser.parse(info_.codec, payload);
  if (auto over = ports_.owner.charge(*this, payload.size())) {
    refuse_over_rate(std::move(parsed ? parsed->id : parsed.error().id), std::move(*over));
  } else if (!parsed) {
    const bool was_awaited = state_ == SessionState::kAwaitingAuth;
    ports_.owner.refused(parsed.error());
    answer_error(take_ticket(std::move(parsed.error().id)), parsed.error().error);
    if (was_awaited) {
      end(protocol::CloseCode::kUnauthenticated, "the first message must be auth");
    }
  } else {
    ports_.owner.handle(*this, std::move(parsed->id), std::move(parsed->request));
  }
  update_reading();
}

void Session::refuse_over_rate(protocol::RequestId id, OverRate over) {
  answer_error(take_ticket(std::move(id)), over.error);
  if (!over.is_own) return;
  const std::int64_t now = ports_.clock.steady_ms();
  const bool was_quiet = now - some().last_over_rate > 1000;
  if (was_quiet) some().over_rate_since = now;
  some().last_over_rate = now;
  if (now - some().over_rate_since >= kMaxOverRateMs) {
    over.error.message = "over the rate for too long";
    over.error.retry_after_ms = kMaxOverRateMs;
    end(protocol::CloseCode::kOverRate, "over the rate", &over.error);
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
    protocol::write_heartbeat(json, id, ports_.clock.now_ms());
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
  while (const auto next = replies_.next()) {
    tell_kept_bytes();
    send_answer(*next, next->json);
  }
  update_reading();
}

void Session::tell_kept_bytes() {
  if (is_ended()) return;
  const std::size_t held = occasional_ ? occasional_->held_bytes : 0;
  transport_->set_kept_bytes(replies_.bytes() + held + outbox_.kept_bytes());
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
    deliver({.event_class = EventClass::kControl, .frame = ports_.encoder.frame(info_.codec, json)},
            {});
  }
}

void Session::deliver(const Event& event, const Recipient& recipient) {
  if (is_ended()) return;
  if (joins_ == 0) {
    pass_on(event, recipient);
    return;
  }
  Occasional& waiting = some();
  waiting.held_bytes += event.frame->wire().size();
  tell_kept_bytes();
  if (waiting.held_bytes > ports_.settings.outbox_bytes &&
      event.event_class != EventClass::kReplay) {
    end(protocol::CloseCode::kTooSlow, close_name(protocol::CloseCode::kTooSlow));
    return;
  }
  waiting.held.push_back({event, recipient});
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
      outbox_.conflate(event, recipient, ports_.clock.steady_ms());
      tell_kept_bytes();
      ports_.owner.arm(*this, ports_.clock.steady_ms() + recipient.min_interval_ms);
      return;
  }
}

void Session::end_join() {
  if (--joins_ > 0) return;
  if (!occasional_) return;
  for (const HeldEvent& held : std::exchange(occasional_->held, {})) {
    pass_on(held.event, held.recipient);
  }
  occasional_->held_bytes = 0;
  tell_kept_bytes();
}

void Session::deliver_command(SharedFrame frame, std::string command) {
  if (is_ended()) return;
  ++messages_out_;
  if (transport_->queued_bytes() + frame->wire().size() > ports_.settings.outbox_bytes) {
    end(protocol::CloseCode::kTooSlow, close_name(protocol::CloseCode::kTooSlow));
    return;
  }
  some().unwritten_commands.emplace_back(transport_->send(std::move(frame)), std::move(command));
}

void Session::on_violation(std::uint16_t code, std::string_view reason) {
  if (is_ended()) return;
  const bool is_too_big = code == static_cast<std::uint16_t>(protocol::CloseCode::kTooBig);
  Error error{.code = is_too_big ? Code::kTooLarge : Code::kBadMessage,
              .message = std::string(reason)};
  if (is_too_big) {
    error.limit = static_cast<std::int64_t>(ports_.settings.max_message_bytes);
    error.message =
        fmt::format("a message has at most {} bytes", ports_.settings.max_message_bytes);
  }
  std::string json;
  protocol::write_error(json, {}, error);
  tell(json);
}

void Session::on_written() {
  while (occasional_ && !occasional_->unwritten_commands.empty() &&
         occasional_->unwritten_commands.front().first <= transport_->written()) {
    auto& unwritten = occasional_->unwritten_commands;
    const std::string command = std::move(unwritten.front().second);
    unwritten.erase(unwritten.begin());
    if (!is_ended()) ports_.owner.command_written(*this, command);
  }
  if (wants_room_ && outbox_.has_room()) {
    wants_room_ = false;
    ports_.owner.has_room(*this);
  }
}

void Session::on_memory_short() {
  Error error{.code = Code::kOverloaded, .message = "the hub is short of memory"};
  error.retry_after_ms = kFullRetryMs;
  end(protocol::CloseCode::kOverloaded, "short of memory", &error);
}

void Session::end(protocol::CloseCode code, std::string_view reason, const Error* told,
                  const protocol::RequestId& told_id) {
  if (is_ended()) return;
  if (told != nullptr) {
    std::string json;
    // The `auth` that should have opened the session is answered by this.
    const bool is_awaited = occasional_ && occasional_->answer_when_open;
    protocol::write_error(json, is_awaited ? replies_.id(*occasional_->answer_when_open) : told_id,
                          *told);
    const Encoded message = encode(json);
    transport_->send(message.kind, message.bytes);
    ++messages_out_;
  }
  book_end(static_cast<std::uint16_t>(code), reason);
  transport_->close(cause().code,
                    protocol::shortened(cause().reason, kMaxReasonBytes - kEllipsisBytes));
}

void Session::book_end(std::uint16_t code, std::string_view reason) {
  move_to(SessionState::kEnded);
  Occasional& left = some();
  left.cause = {code, std::string(reason)};
  left.held.clear();
  left.unwritten_commands.clear();
  ports_.owner.ended(*this);
}

void Session::on_closed(const net::CloseInfo& info) {
  if (!is_ended()) book_end(info.code, cause_of_peer(info));
  ports_.owner.closed(*this);
}

void Session::set_awaits_verdict(bool awaits_verdict) {
  awaits_verdict_ = awaits_verdict;
  update_reading();
}

void Session::update_reading() {
  if (is_ended()) return;
  const std::size_t most = is_reading_ ? kMaxOpenReplies : kMaxOpenReplies / 2;
  const bool should_read =
      state_ != SessionState::kOpening && !awaits_verdict_ && replies_.size() < most;
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

}  // namespace fairlead::hub
