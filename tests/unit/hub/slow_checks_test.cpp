#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/jwks.h"
#include "hub/authenticator.h"
#include "support/hand_clock.h"
#include "support/issuer_key.h"

namespace fairlead::hub {
namespace {

using Search = auth::KeySource::Search;

std::shared_ptr<const auth::KeySet> keys_of(const std::string& jwks) {
  return std::make_shared<const auth::KeySet>(std::move(auth::read_jwks(jwks).value().keys));
}

struct FakeKeySource final : auth::KeySource {
  Answer search(std::uint64_t /*heard*/) override {
    return {.search = Search::kBegins, .number = 1};
  }
};

/// Checks when the test says so.
struct FakeChecks final : auth::SlowChecks {
  explicit FakeChecks(const Clock& clock_in) : clock(clock_in) {}
  bool offer(Job job) override {
    if (is_full) return false;
    jobs.push_back(std::move(job));
    return true;
  }
  void run() {
    for (Job& job : std::exchange(jobs, {})) {
      auth::Verifier verifier(job.keys, {}, clock);
      job.done(verifier.check(job.token));
    }
  }
  const Clock& clock;
  std::vector<Job> jobs;
  bool is_full = false;
};

struct Bench {
  support::HandClock clock;
  support::IssuerKey one{"one"};
  support::IssuerKey two{"two"};
  auth::Verifier verifier{keys_of(support::jwks_of(one)), {}, clock};
  auth::Revocations revocations;
  FakeKeySource source;
  FakeChecks checks{clock};
  Authenticator authenticator{{.clock = clock,
                               .verifier = verifier,
                               .revocations = revocations,
                               .keys = &source,
                               .slow_checks = &checks}};
  std::vector<Result<auth::Principal>> told;

  static support::Token panel() {
    return support::Token::client("panel").claim("exp", 1'764'000'600).claim("jti", "t-1");
  }
  std::optional<Result<auth::Principal>> ask(const std::string& token) {
    return authenticator.authenticate(token, "192.0.2.7:1");
  }
  void wait_with(const std::string& token) {
    REQUIRE_FALSE(ask(token).has_value());
    authenticator.wait_for(token, "192.0.2.7:1",
                           [this](Result<auth::Principal> who) { told.push_back(std::move(who)); });
  }
  Code told_code() const {
    REQUIRE(told.size() == 1);
    REQUIRE_FALSE(told[0].has_value());
    return told[0].error().code;
  }
};

}  // namespace

TEST_CASE("a slow signature is checked elsewhere once, and remembered here") {
  Bench bench;
  const std::string token = bench.one.sign(Bench::panel());
  bench.wait_with(token);
  CHECK(bench.told.empty());
  bench.checks.run();
  REQUIRE(bench.told.size() == 1);
  CHECK(bench.told[0]->subject == "panel");
  const auto again = bench.ask(token);
  REQUIRE(again.has_value());
  CHECK((*again)->subject == "panel");
  CHECK(bench.checks.jobs.empty());
  CHECK(bench.authenticator.waiting() == 0);
}

TEST_CASE("a wrong signature is found elsewhere, and each time anew") {
  Bench bench;
  const support::IssuerKey impostor("one");
  bench.wait_with(impostor.sign(Bench::panel()));
  bench.checks.run();
  CHECK(bench.told_code() == Code::kUnauthenticated);
  CHECK(bench.authenticator.refused()[static_cast<std::size_t>(auth::Refusal::kSignature)] == 1);
  CHECK_FALSE(bench.ask(impostor.sign(Bench::panel())).has_value());
}

TEST_CASE("what needs no slow check, such as a malformed token, is answered at once") {
  Bench bench;
  CHECK(bench.ask("a.b.c").has_value());
  CHECK(
      bench.ask(Bench::panel().sign("a secret that is no key of this hub, as it is")).has_value());
}

TEST_CASE("when the keys change while a token is checked the new ones judge it") {
  Bench bench;
  bench.wait_with(bench.one.sign(Bench::panel()));
  SUBCASE("its key is gone") {
    bench.authenticator.rotate(keys_of(support::jwks_of(bench.two)));
    bench.checks.run();
    CHECK(bench.told.empty());
    bench.checks.run();
    // An unknown key by now: it is sought.
    bench.authenticator.search_ended(1, keys_of(support::jwks_of(bench.two)));
    CHECK(bench.told_code() == Code::kUnauthenticated);
  }
  SUBCASE("its key stays") {
    bench.authenticator.rotate(keys_of(support::jwks_of(bench.one, bench.two)));
    bench.checks.run();
    bench.checks.run();
    REQUIRE(bench.told.size() == 1);
    CHECK(bench.told[0].has_value());
  }
}

TEST_CASE("a token of an unknown slow key waits for the key, then for the check") {
  Bench bench;
  bench.wait_with(bench.two.sign(Bench::panel()));
  CHECK(bench.checks.jobs.empty());
  bench.authenticator.search_ended(1, keys_of(support::jwks_of(bench.one, bench.two)));
  CHECK(bench.told.empty());
  bench.checks.run();
  REQUIRE(bench.told.size() == 1);
  CHECK(bench.told[0].has_value());
}

TEST_CASE("a token that expires or is revoked while it is checked is refused") {
  Bench bench;
  bench.wait_with(bench.one.sign(Bench::panel()));
  SUBCASE("revoked") {
    bench.revocations.add({.tenant = "default", .jti = "t-1", .expires_at_ms = 0});
  }
  SUBCASE("expired") { bench.clock.advance(3'600'000); }
  bench.checks.run();
  CHECK(bench.told_code() == Code::kUnauthenticated);
}

TEST_CASE("when no more may wait a token is told to come back, and that is no failure of its") {
  Bench bench;
  bench.checks.is_full = true;
  bench.wait_with(bench.one.sign(Bench::panel()));
  CHECK(bench.told_code() == Code::kOverloaded);
  CHECK(bench.told[0].error().retry_after_ms > 0);
  CHECK(bench.authenticator.waiting() == 0);
}

}  // namespace fairlead::hub
