#include "hub/authenticator.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/hand_clock.h"
#include "support/token.h"

namespace fairlead::hub {
namespace {

using Search = auth::KeySource::Search;
using Answer = std::optional<Result<auth::Principal>>;

const std::string kOld(32, 'o');
const std::string kNew(32, 'n');
const std::string kRemote = "192.0.2.7:4711";

std::shared_ptr<const auth::KeySet> keys(const std::vector<std::string>& secrets) {
  std::vector<auth::Key> all;
  all.reserve(secrets.size());
  for (const std::string& secret : secrets) {
    // The first letter is the kid.
    all.push_back(
        auth::Key::from_secret(auth::Algorithm::kHs256, secret, secret.substr(0, 1)).value());
  }
  return std::make_shared<const auth::KeySet>(std::move(all));
}

std::string token(const std::string& secret) {
  return support::Token::client("panel")
      .claim("exp", 1'800'000'000)
      .claim("jti", "t-" + secret.substr(0, 1))
      .header("kid", secret.substr(0, 1))
      .sign(secret);
}

struct FakeKeySource final : auth::KeySource {
  Answer search(std::uint64_t heard_in) override {
    ++searches;
    heard = heard_in;
    return answer;
  }
  Answer answer{.search = Search::kBegins, .number = 1};
  int searches = 0;
  std::uint64_t heard = 0;
};

struct FakeFailures final : auth::FailureLimit {
  std::int64_t wait_ms(std::string_view) override { return wait; }
  void count(std::string_view) override { ++counted; }
  std::int64_t wait = 0;
  int counted = 0;
};

struct Bench {
  support::HandClock clock;
  auth::Verifier verifier{keys({kOld}), {}, clock};
  auth::Revocations revocations;
  FakeKeySource source;
  FakeFailures failures;
  Authenticator authenticator{{.clock = clock,
                               .verifier = verifier,
                               .revocations = revocations,
                               .keys = &source,
                               .failures = &failures}};
  std::vector<Result<auth::Principal>> told;

  Answer ask(const std::string& text) { return authenticator.authenticate(text, kRemote); }
  /// Asks, and waits when it has to.
  void wait_with(const std::string& text) {
    REQUIRE_FALSE(ask(text).has_value());
    authenticator.wait_for(text, kRemote,
                           [this](Result<auth::Principal> who) { told.push_back(std::move(who)); });
  }
  std::uint64_t refused(auth::Refusal reason) const {
    return authenticator.refused()[static_cast<std::size_t>(reason)];
  }
};

Code code_of(const Answer& answer) {
  REQUIRE(answer.has_value());
  REQUIRE_FALSE(answer->has_value());
  return answer->error().code;
}

}  // namespace

TEST_CASE("a good token is answered at once and searches nothing") {
  Bench bench;
  const auto answer = bench.ask(token(kOld));
  REQUIRE(answer.has_value());
  CHECK((*answer)->subject == "panel");
  CHECK(bench.source.searches == 0);
  CHECK(bench.failures.counted == 0);
}

TEST_CASE("a bad token is counted by its reason and for its address") {
  Bench bench;
  const std::string wrong = support::Token::client("x").header("kid", "o").sign(kNew);
  CHECK(code_of(bench.ask(wrong)) == Code::kUnauthenticated);
  CHECK(bench.refused(auth::Refusal::kSignature) == 1);
  CHECK(code_of(bench.ask("x")) == Code::kUnauthenticated);
  CHECK(bench.refused(auth::Refusal::kMalformed) == 1);
  bench.revocations.add({.tenant = "default", .jti = "t-o", .expires_at_ms = 0});
  CHECK(code_of(bench.ask(token(kOld))) == Code::kUnauthenticated);
  CHECK(bench.refused(auth::Refusal::kRevoked) == 1);
  CHECK(bench.failures.counted == 3);
  CHECK(bench.source.searches == 0);
}

TEST_CASE("from an address over its limit no token is looked at, and that is no further failure") {
  Bench bench;
  bench.failures.wait = 700;
  const auto answer = bench.ask(token(kOld));
  CHECK(code_of(answer) == Code::kRateLimited);
  CHECK(answer->error().retry_after_ms == 700);
  CHECK(bench.refused(auth::Refusal::kTooMany) == 1);
  CHECK(bench.failures.counted == 0);
}

TEST_CASE("a token of an unknown key waits for the search and is answered by what it brings") {
  Bench bench;
  bench.wait_with(token(kNew));
  CHECK(bench.told.empty());
  bench.authenticator.search_ended(1, keys({kOld, kNew}));
  REQUIRE(bench.told.size() == 1);
  CHECK(bench.told[0].has_value());
  CHECK(bench.authenticator.waiting() == 0);
  CHECK(bench.failures.counted == 0);
  CHECK(bench.source.heard == 0);
  bench.ask(support::Token::client("x").header("kid", "z").sign(kNew));
  CHECK(bench.source.heard == 1);
  // From now on it is known.
  CHECK(bench.ask(token(kNew)).has_value());
  CHECK(bench.source.searches == 2);
}

TEST_CASE("a search that began after the token and has not found its key refuses it") {
  Bench bench;
  bench.wait_with(token(kNew));
  bench.authenticator.search_ended(1, keys({kOld}));
  REQUIRE(bench.told.size() == 1);
  CHECK(bench.told[0].error().code == Code::kUnauthenticated);
  CHECK(bench.refused(auth::Refusal::kUnknownKey) == 1);
  CHECK(bench.failures.counted == 1);
}

TEST_CASE("the end of an earlier search, on its way by mail, judges nobody") {
  Bench bench;
  bench.source.answer.number = 2;
  bench.wait_with(token(kNew));
  bench.authenticator.search_ended(1, keys({kOld}));
  CHECK(bench.told.empty());
  bench.authenticator.search_ended(1, nullptr);
  CHECK(bench.told.empty());
  bench.authenticator.search_ended(2, keys({kOld, kNew}));
  REQUIRE(bench.told.size() == 1);
  CHECK(bench.told[0].has_value());
}

TEST_CASE("a search in vain, or one that began before the token, says nothing against it") {
  for (const bool is_in_vain : {true, false}) {
    Bench bench;
    if (!is_in_vain) bench.source.answer.search = Search::kRuns;
    bench.wait_with(token(kNew));
    bench.authenticator.search_ended(1, is_in_vain ? nullptr : keys({kOld}));
    REQUIRE(bench.told.size() == 1);
    CHECK(bench.told[0].error().code == Code::kOverloaded);
    CHECK(bench.told[0].error().retry_after_ms > 0);
    CHECK(bench.refused(auth::Refusal::kKeysUnavailable) == 1);
    CHECK(bench.failures.counted == 0);
  }
}

TEST_CASE(
    "where no search may begin a token is told when to come back; without a source it is bad") {
  Bench bench;
  bench.source.answer = {.search = Search::kTooSoon, .retry_after_ms = 4200};
  const auto later = bench.ask(token(kNew));
  CHECK(code_of(later) == Code::kOverloaded);
  CHECK(later->error().retry_after_ms == 4200);
  bench.source.answer = {.search = Search::kNowhere};
  CHECK(code_of(bench.ask(token(kNew))) == Code::kUnauthenticated);
}

TEST_CASE("nobody waits longer than the patience, and not more than so many") {
  Bench bench;
  for (std::size_t i = 0; i < Authenticator::kMaxWaiting; ++i) bench.wait_with(token(kNew));
  CHECK(code_of(bench.ask(token(kNew))) == Code::kOverloaded);
  const std::int64_t due = bench.clock.steady_ms() + Authenticator::kKeyPatienceMs;
  bench.authenticator.fire(due - 1);
  CHECK(bench.told.empty());
  bench.authenticator.fire(due);
  REQUIRE(bench.told.size() == Authenticator::kMaxWaiting);
  CHECK(bench.told[0].error().code == Code::kOverloaded);
}

TEST_CASE("an expired token is not forgiven for the wait") {
  Bench bench;
  const std::string expired =
      support::Token::client("x").claim("exp", 5).header("kid", "n").sign(kNew);
  bench.wait_with(expired);
  bench.authenticator.search_ended(1, keys({kOld, kNew}));
  REQUIRE(bench.told.size() == 1);
  CHECK(bench.told[0].error().code == Code::kUnauthenticated);
  CHECK(bench.refused(auth::Refusal::kTime) == 1);
}

}  // namespace fairlead::hub
