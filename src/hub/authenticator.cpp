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
  auto verdict = look(token);
  awaits_check_ = !verdict.has_value();
  if (!verdict || (is_unknown_key(*verdict) && seek(*verdict))) return std::nullopt;
  return conclude(std::move(*verdict), remote);
}

std::optional<auth::Verdict<auth::Principal>> Authenticator::look(std::string_view token) {
  if (ports_.slow_checks == nullptr) return judge(ports_.verifier.verify(token));
  auto verdict = ports_.verifier.verify_quickly(token);
  if (!verdict) return std::nullopt;
  return judge(std::move(*verdict));
}

auth::Verdict<auth::Principal> Authenticator::judge(auth::Verdict<auth::Principal> verdict) const {
  if (verdict && ports_.revocations.is_revoked(*verdict)) {
    return auth::refuse(auth::Refusal::kRevoked,
                        {.code = Code::kUnauthenticated, .message = "the token was revoked"});
  }
  return verdict;
}

// True: it has to wait for a search. Else `verdict` is what there is to say, which may be that it
// cannot be said now.
bool Authenticator::seek(auth::Verdict<auth::Principal>& verdict) {
  if (ports_.keys == nullptr) return false;
  const auth::KeySource::Answer answer = ports_.keys->search(heard_);
  using Search = auth::KeySource::Search;
  if (answer.search == Search::kTooSoon) verdict = keys_unavailable(answer.retry_after_ms);
  if (answer.search != Search::kBegins && answer.search != Search::kRuns) return false;
  has_come_late_ = answer.search == Search::kRuns;
  search_ = answer.number;
  if (waiting_.size() < kMaxWaiting) return true;
  verdict = keys_unavailable(kKeyPatienceMs);
  return false;
}

void Authenticator::wait_for(std::string token, std::string remote,
                             Completion<auth::Principal> done) {
  Waiting waiting{.token = std::move(token), .remote = std::move(remote), .done = std::move(done)};
  if (awaits_check_) {
    check(std::move(waiting));
  } else {
    wait_for_key(std::move(waiting));
  }
}

void Authenticator::wait_for_key(Waiting waiting) {
  waiting.until_ms = ports_.clock.steady_ms() + kKeyPatienceMs;
  waiting.has_come_late = has_come_late_;
  waiting.search = search_;
  waiting_.push_back(std::move(waiting));
}

void Authenticator::check(Waiting waiting) {
  const std::uint64_t number = ++last_check_;
  const auto keys = ports_.verifier.keys();
  std::string token = waiting.token;
  const auto place = checking_.emplace(number, std::move(waiting)).first;
  const bool is_taken =
      ports_.slow_checks->offer({.token = std::move(token),
                                 .keys = keys,
                                 .done = [this, number, keys](auth::Verdict<auth::Claims> verdict) {
                                   checked(number, keys, std::move(verdict));
                                 }});
  if (is_taken) return;
  Waiting refused = std::move(place->second);
  checking_.erase(place);
  Error error{.code = Code::kOverloaded, .message = "too many tokens wait to be checked"};
  error.retry_after_ms = kKeyPatienceMs;
  settle(std::move(refused), auth::refuse(auth::Refusal::kBusy, std::move(error)));
}

void Authenticator::checked(std::uint64_t number, const std::shared_ptr<const auth::KeySet>& keys,
                            auth::Verdict<auth::Claims> verdict) {
  const auto place = checking_.find(number);
  Waiting waiting = std::move(place->second);
  checking_.erase(place);
  // What other keys found does not count any more.
  if (keys != ports_.verifier.keys()) return check(std::move(waiting));
  if (!verdict) return settle(std::move(waiting), std::unexpected(std::move(verdict.error())));
  auto known = ports_.verifier.take_checked(waiting.token, std::move(*verdict));
  settle(std::move(waiting), judge(std::move(known)));
}

void Authenticator::settle(Waiting waiting, auth::Verdict<auth::Principal> verdict) {
  if (is_unknown_key(verdict)) {
    if (!waiting.was_sought && seek(verdict)) return wait_for_key(std::move(waiting));
    if (waiting.was_sought && waiting.is_open) verdict = keys_unavailable(kKeyPatienceMs);
  }
  waiting.done(conclude(std::move(verdict), waiting.remote));
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

void Authenticator::search_ended(std::uint64_t search, std::shared_ptr<const auth::KeySet> keys) {
  heard_ = search;
  const bool is_in_vain = keys == nullptr;
  if (!is_in_vain) rotate(std::move(keys));
  std::deque<Waiting> told;
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    (waiting.search <= search ? told : waiting_).push_back(std::move(waiting));
  }
  for (Waiting& waiting : told) {
    waiting.was_sought = true;
    // Nobody is told that a key is unknown by an answer that may be older than the key.
    waiting.is_open = is_in_vain || waiting.has_come_late;
    if (auto verdict = look(waiting.token)) {
      settle(std::move(waiting), std::move(*verdict));
    } else {
      check(std::move(waiting));
    }
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
