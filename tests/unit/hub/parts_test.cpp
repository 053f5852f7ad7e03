#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "hub/idempotency.h"
#include "hub/peers.h"
#include "hub/reply_ring.h"
#include "hub/router.h"
#include "hub/session_state.h"
#include "hub/takeovers.h"
#include "support/hand_clock.h"

namespace fairlead::hub {
namespace {

Answer answer(std::string json) {
  return {.kind = Answer::Kind::kOk, .json = std::move(json), .ends_join = false};
}

}  // namespace

TEST_CASE("answers leave in the order of requests, whatever the order in which they are known") {
  ReplyRing ring;
  const auto first = ring.open({});
  const auto second = ring.open({});
  const auto third = ring.open({});
  ring.fill(second, answer("2"));
  CHECK_FALSE(ring.next().has_value());
  ring.fill(first, answer("1"));
  CHECK(ring.next()->json == "1");
  CHECK(ring.next()->json == "2");
  CHECK_FALSE(ring.next().has_value());
  CHECK(ring.size() == 1);
  ring.fill(third, answer("3"));
  CHECK(ring.next()->json == "3");
  CHECK_FALSE(ring.holds(first));
  CHECK(ring.size() == 0);
}

TEST_CASE("the next answer in order need not be kept, and each place knows its request") {
  ReplyRing ring;
  const auto first = ring.open({.json = "1"});
  const auto second = ring.open({.json = "2"});
  CHECK(ring.is_next(first));
  CHECK_FALSE(ring.is_next(second));
  CHECK(ring.id(second).json == "2");
  ring.fill(second, answer("two"));
  CHECK(ring.skip().json == "1");
  CHECK_FALSE(ring.is_next(first));
  CHECK(ring.next()->json == "two");
}

TEST_CASE("answers stay in order on a connection that always owes some") {
  ReplyRing ring;
  for (int owed = 0; owed < 5; ++owed) ring.open({});
  for (int number = 0; number < 1000; ++number) {
    const auto newest = ring.open({});
    ring.fill(newest - 5, answer(std::to_string(number)));
    const auto next = ring.next();
    REQUIRE(next.has_value());
    CHECK(next->json == std::to_string(number));
    CHECK(ring.size() == 5);
    ring.rest();
  }
}

TEST_CASE("ten replacements within a minute are forgiven, the eleventh refuses both for a minute") {
  Takeovers takeovers;
  for (int i = 0; i < 10; ++i) CHECK(takeovers.allow(i * 1000));
  CHECK_FALSE(takeovers.allow(59'999));
  CHECK(takeovers.refused_for_ms(60'000) == 59'999);
  CHECK_FALSE(takeovers.is_quiet(100'000));
  CHECK(takeovers.refused_for_ms(119'999) == 0);
  CHECK(takeovers.is_quiet(119'999));
}

TEST_CASE("replacements that are a minute apart never add up") {
  Takeovers takeovers;
  for (int i = 0; i < 100; ++i) CHECK(takeovers.allow(i * 6001));
}

TEST_CASE("a key belongs to who claims it first, and the others wait for what becomes of it") {
  support::HandClock clock;
  IdempotencyKeys keys(clock, 100);
  const IdempotencyName name{.tenant = "t", .issuer = "app", .key = "key"};
  std::vector<std::string> known;
  const auto claim = [&] {
    keys.claim(name, [&known](Result<std::optional<std::string>> command) {
      known.push_back(command.value().value_or("mine"));
    });
  };
  claim();
  claim();
  claim();
  CHECK(known == std::vector<std::string>{"mine"});
  SUBCASE("a command that was made is everybody's") {
    keys.settle(name, "k-1");
    CHECK(known == std::vector<std::string>{"mine", "k-1", "k-1"});
    claim();
    CHECK(known.back() == "k-1");
    clock.advance(IdempotencyKeys::kKeepMs);
    claim();
    CHECK(known.back() == "mine");
  }
  SUBCASE("a refusal leaves the key to the next in line") {
    keys.settle(name, std::nullopt);
    CHECK(known == std::vector<std::string>{"mine", "mine"});
    keys.settle(name, std::nullopt);
    keys.settle(name, std::nullopt);
    CHECK(known.size() == 3);
    CHECK(keys.size() == 0);
  }
}

TEST_CASE("a principal's oldest key is forgotten when it has too many, nobody else's is") {
  support::HandClock clock;
  IdempotencyKeys keys(clock, 2);
  const auto name = [](const char* issuer, const char* key) {
    return IdempotencyName{.tenant = "t", .issuer = issuer, .key = key};
  };
  const auto known = [&](const IdempotencyName& which) {
    std::optional<std::string> command;
    keys.claim(which, [&command](Result<std::optional<std::string>> found) { command = *found; });
    if (!command) keys.settle(which, std::nullopt);
    return command.value_or("none");
  };
  const auto make = [&](const IdempotencyName& which, const char* command) {
    REQUIRE(known(which) == "none");
    keys.claim(which, [](const Result<std::optional<std::string>>&) {});
    keys.settle(which, command);
    clock.advance(1000);
  };
  make(name("other", "a"), "k-0");
  make(name("app", "a"), "k-1");
  make(name("app", "b"), "k-2");
  make(name("app", "c"), "k-3");
  CHECK(known(name("app", "a")) == "none");
  CHECK(known(name("app", "b")) == "k-2");
  CHECK(known(name("other", "a")) == "k-0");
  // Used anew: the age of its first use is not that of the second.
  make(name("app", "a"), "k-4");
  CHECK(known(name("app", "b")) == "none");
  clock.advance(IdempotencyKeys::kKeepMs - 3000);
  CHECK(known(name("app", "a")) == "k-4");
  CHECK(known(name("other", "a")) == "none");
  clock.advance(3000);
  CHECK(known(name("app", "a")) == "none");
  CHECK(keys.size() == 0);
}

TEST_CASE("an end is final, and a connection opens only after its principal is known") {
  for (const auto state : {SessionState::kAwaitingAuth, SessionState::kOpening, SessionState::kOpen,
                           SessionState::kEnded}) {
    CHECK_FALSE(may_follow(SessionState::kEnded, state));
    CHECK(may_follow(state, SessionState::kEnded) == (state != SessionState::kEnded));
  }
  CHECK_FALSE(may_follow(SessionState::kAwaitingAuth, SessionState::kOpen));
}

// They are part of the ids of commands and choose home shards: they may never change.
TEST_CASE("the home of a device is where it always was") {
  CHECK(home_hash("default", "boiler-7") == 467'022);
  CHECK(home_hash("t", "") == 182'719);
  CHECK(home_hash("acme", "plant/1:pump_2.x") == 923'940);
  CHECK(home_hash("default", "boiler-7") != home_hash("other", "boiler-7"));
  CHECK(home_hash("a", "bc") != home_hash("ab", "c"));
  std::vector<std::size_t> counts(4);
  for (int i = 0; i < 4000; ++i) ++counts[home_hash("default", std::to_string(i)) % 4];
  for (const std::size_t count : counts) {
    CHECK(count > 900);
    CHECK(count < 1100);
  }
}

TEST_CASE("each message asks for the permission of its own name") {
  for (const MessageRule& rule : kMessageRules) {
    CHECK(auth::permission_of(rule.operation).name == rule.type);
  }
}

}  // namespace fairlead::hub
