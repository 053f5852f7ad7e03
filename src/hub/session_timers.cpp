// What time brings to a session: pings, the end for want of a sign of life, expiry.
#include <fmt/format.h>

#include <algorithm>

#include "hub/session.h"
#include "protocol/events.h"
#include "protocol/limits.h"

namespace fairlead::hub {

std::int64_t Session::fire(std::int64_t steady_ms) {
  if (is_ended()) return 0;
  if (state_ == SessionState::kAwaitingAuth) {
    const std::int64_t due = opened_steady_ms_ + ports_.settings.auth_timeout_ms;
    if (steady_ms < due) return due;
    const Error error{
        .code = Code::kUnauthenticated,
        .message = fmt::format("no auth message within {} ms", ports_.settings.auth_timeout_ms)};
    end(protocol::CloseCode::kUnauthenticated, "no auth message in time", &error);
    return 0;
  }
  std::int64_t next = fire_heartbeat(steady_ms);
  if (!is_ended()) next = std::min(next, fire_expiry(steady_ms));
  if (is_ended()) return 0;
  const auto conflated = outbox_.flush_conflated(steady_ms);
  if (conflated) tell_kept_bytes();
  return std::min(next, conflated.value_or(next));
}

std::int64_t Session::fire_heartbeat(std::int64_t steady_ms) {
  const auto due = [this] {
    return last_life_steady_ms_ + ports_.settings.heartbeat_ms * (1 + unanswered_pings_);
  };
  // Who is not read cannot be heard.
  if (!is_reading_ || ports_.owner.is_reading_held()) last_life_steady_ms_ = steady_ms;
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
  return steady_ms + ports_.settings.heartbeat_ms;
}

std::int64_t Session::fire_expiry(std::int64_t steady_ms) {
  constexpr std::int64_t kFarMs = 24LL * 60 * 60 * 1000;
  if (!principal_ || principal_->expires_at_ms == 0) return steady_ms + kFarMs;
  const std::int64_t left = principal_->expires_at_ms - ports_.clock.now_ms();
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
