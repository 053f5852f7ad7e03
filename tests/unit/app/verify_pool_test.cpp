#include "app/verify_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "auth/jwks.h"
#include "support/issuer_key.h"

namespace fairlead::app {
namespace {

using support::IssuerKey;
using support::Token;

std::shared_ptr<const auth::KeySet> keys_of(const IssuerKey& key) {
  auto set = auth::read_jwks(support::jwks_of(key)).value();
  return std::make_shared<const auth::KeySet>(std::move(set.keys));
}

/// Runs at once, on the pool's thread.
void run_here(net::Reactor::Task task) { task(); }

}  // namespace

TEST_CASE("each token is judged by the keys that came with it, on whichever thread") {
  const SystemClock clock;
  const auth::TokenPolicy policy;
  const IssuerKey one("a");
  const IssuerKey two("a");
  VerifyPool pool(2, policy, clock);
  constexpr int kJobs = 40;
  std::atomic<int> right = 0;
  std::atomic<int> left = kJobs;
  std::promise<void> all_done;
  for (int i = 0; i < kJobs; ++i) {
    const bool is_good = i % 3 != 0;
    const bool is_answered =
        pool.offer({.token = one.sign(Token::client("c" + std::to_string(i))),
                    .keys = is_good ? keys_of(one) : keys_of(two),
                    .done =
                        [&, i, is_good](const auth::Verdict<auth::Claims>& verdict) {
                          if (verdict.has_value() == is_good &&
                              (!is_good || verdict->principal.subject == "c" + std::to_string(i))) {
                            ++right;
                          }
                          if (--left == 0) all_done.set_value();
                        }},
                   run_here);
    REQUIRE(is_answered);
  }
  all_done.get_future().wait();
  CHECK(right == kJobs);
}

TEST_CASE("so many may wait and no more, and after the end nobody") {
  const SystemClock clock;
  const auth::TokenPolicy policy;
  const IssuerKey key("a");
  const auto keys = keys_of(key);
  const std::string token = key.sign(Token::client("c"));
  VerifyPool pool(1, policy, clock);
  std::promise<void> begun;
  std::promise<void> may_end;
  const auto job = [&] {
    return VerifyPool::Job{.token = token, .keys = keys, .done = [](const auto&) {}};
  };
  // The one thread is held here.
  REQUIRE(pool.offer(job(), [&](net::Reactor::Task) {
    begun.set_value();
    may_end.get_future().wait();
  }));
  begun.get_future().wait();
  for (std::size_t i = 0; i < VerifyPool::kMaxWaiting; ++i) REQUIRE(pool.offer(job(), run_here));
  CHECK_FALSE(pool.offer(job(), run_here));
  may_end.set_value();
  pool.stop();
  CHECK_FALSE(pool.offer(job(), run_here));
}

}  // namespace fairlead::app
