#include "hub/authenticator.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace fairlead::hub {
namespace {

constexpr std::int64_t kLogEveryMs = 1000;

std::unexpected<auth::Refused> keys_unavailable(std::int64_t retry_after_ms) {
  Error error{.code = Code::kOverloaded, .message = "the token's key is not known yet"};
  error.retry_after_ms = retry_after_ms;
  return auth::refuse(auth::Refusal::kKeysUnavailable, std::move(error));
}

bool is_unknown_key(const auth::Verdict<auth::Principal>& verdict) {
  return !verdict && verdict.error().reason == auth::Refusal::kUnknownKey;
}

}  // namespace

std::optional<Result<auth::Principal>> Authenticator::authenticate(std::string_view token,
                                                                   std::string_view remote) {
  const std::int64_t wait_ms = ports_.failures == nullptr ? 0 : ports_.failures->wait_ms(remote);
  if (wait_ms > 0) {
    Error error{.code = Code::kRateLimited,
                .message = "too many failed authentications from this address"};
    error.retry_after_ms = wait_ms;
    return conclude(auth::refuse(auth::Refusal::kTooMany, std::move(error)), remote);
  }
  auto verdict = verify(token);
  if (is_unknown_key(verdict) && ports_.keys != nullptr) {
    const auth::KeySource::Answer answer = ports_.keys->search();
    using Search = auth::KeySource::Search;
    if (answer.search == Search::kTooSoon) verdict = keys_unavailable(answer.retry_after_ms);
    if (answer.search == Search::kBegins || answer.search == Search::kRuns) {
      has_come_late_ = answer.search == Search::kRuns;
      if (waiting_.size() < kMaxWaiting) return std::nullopt;
      verdict = keys_unavailable(kKeyPatienceMs);
    }
  }
  return conclude(std::move(verdict), remote);
}

void Authenticator::wait_for(std::string token, std::string remote,
                             Completion<auth::Principal> done) {
  waiting_.push_back({.token = std::move(token),
                      .remote = std::move(remote),
                      .done = std::move(done),
                      .until_ms = ports_.clock.steady_ms() + kKeyPatienceMs,
                      .has_come_late = has_come_late_});
}

auth::Verdict<auth::Principal> Authenticator::verify(std::string_view token) {
  auto verdict = ports_.verifier.verify(token);
  if (verdict && ports_.revocations.is_revoked(*verdict)) {
    return auth::refuse(auth::Refusal::kRevoked,
                        {.code = Code::kUnauthenticated, .message = "the token was revoked"});
  }
  return verdict;
}

Result<auth::Principal> Authenticator::conclude(auth::Verdict<auth::Principal> verdict,
                                                std::string_view remote) {
  if (verdict) return std::move(*verdict);
  book(verdict.error().reason, verdict.error().message, remote);
  return std::unexpected(static_cast<Error>(std::move(verdict.error())));
}

void Authenticator::count_malformed(std::string_view remote) {
  book(auth::Refusal::kMalformed, "token malformed", remote);
}

void Authenticator::book(auth::Refusal reason, std::string_view why, std::string_view remote) {
  ++refused_[static_cast<std::size_t>(reason)];
  if (ports_.failures != nullptr && auth::is_failure(reason)) ports_.failures->count(remote);
  const std::int64_t now = ports_.clock.steady_ms();
  if (now < next_log_ms_) {
    ++unlogged_;
    return;
  }
  next_log_ms_ = now + kLogEveryMs;
  const std::uint64_t others = std::exchange(unlogged_, 0);
  spdlog::info("authentication refused: {} from {} ({} more since the last such line)", why, remote,
               others);
}

void Authenticator::rotate(std::shared_ptr<const auth::KeySet> keys) {
  ports_.verifier.rotate(std::move(keys));
}

void Authenticator::search_ended(std::shared_ptr<const auth::KeySet> keys) {
  const bool is_in_vain = keys == nullptr;
  if (!is_in_vain) rotate(std::move(keys));
  // One that is told may bring another to wait: that one is not for this search to answer.
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    auto verdict = verify(waiting.token);
    // Nobody is told that a key is unknown by an answer that may be older than the key.
    const bool is_open = is_in_vain || waiting.has_come_late;
    if (is_unknown_key(verdict) && is_open) verdict = keys_unavailable(kKeyPatienceMs);
    waiting.done(conclude(std::move(verdict), waiting.remote));
  }
}

void Authenticator::fire(std::int64_t steady_ms) {
  while (!waiting_.empty() && waiting_.front().until_ms <= steady_ms) {
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    waiting.done(conclude(keys_unavailable(kKeyPatienceMs), waiting.remote));
  }
}

}  // namespace fairlead::hub
