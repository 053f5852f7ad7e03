// A shard that is stepped only when it says so does everything in its time, and sleeps between.
#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "hub/shard.h"
#include "support/token.h"
#include "unit/hub/harness.h"

namespace fairlead::hub {
namespace {

/// Timers of sessions are as exact as this.
constexpr std::int64_t kTick = TimerWheel<SessionNumber>::kTickMs;
const std::string kSample = R"({"type":"telemetry","metrics":{"a":1}})";

/// At most one step a second, and `others`.
int most_steps(std::int64_t ms, int others) { return static_cast<int>(ms / 1000) + 1 + others; }

struct SilentKeys final : auth::KeySource {
  Answer search(std::uint64_t /*heard*/) override {
    return {.search = Search::kBegins, .number = 1};
  }
};

}  // namespace

TEST_CASE("an idle shard is stepped once a second") {
  Harness hub;
  const auto device = hub.device("d");
  hub.sleep(1000);
  CHECK(hub.sleep(20'000) == 20);
  CHECK_FALSE(device->closed.has_value());
}

TEST_CASE("who does not say who it is ends in its time") {
  Harness hub;
  const auto silent = hub.connect();
  const int steps = hub.sleep(hub.settings.auth_timeout_ms - 1);
  CHECK_FALSE(silent->closed.has_value());
  CHECK(steps <= most_steps(hub.settings.auth_timeout_ms, 0));
  hub.sleep(1 + kTick);
  CHECK(silent->closed == 4401);
}

TEST_CASE("a dead connection is pinged and ended in its time") {
  Harness hub;
  const auto device = hub.device("d");
  device->is_alive = false;
  const std::int64_t dead_ms = 3 * hub.settings.heartbeat_ms;
  const int steps = hub.sleep(dead_ms - 1);
  CHECK_FALSE(device->closed.has_value());
  CHECK(steps <= most_steps(dead_ms, 3));
  hub.sleep(1 + 3 * kTick);
  CHECK(device->closed == 4408);
}

TEST_CASE("the expiry of a token is told a minute before, and comes, in its time") {
  Harness hub;
  const auto line = hub.connect();
  hub.say(*line, support::obj("type", "auth", "token", hub.token("app", "client")).dump());
  hub.commit();
  line->take();
  hub.sleep(3'600'000 - 60'000 - 1);
  CHECK(line->received.empty());
  hub.sleep(1 + kTick);
  CHECK(line->last()["type"] == "auth.expiring");
  hub.sleep(60'000 - 1 - kTick);
  CHECK_FALSE(line->closed.has_value());
  hub.sleep(1 + 2 * kTick);
  CHECK(line->closed == 4401);
}

TEST_CASE("a conflated sample leaves when its interval is over") {
  Harness hub(2);
  const auto device = hub.device("d");
  const auto watcher = hub.client(auth::Scopes::all(), 1);
  hub.ask(*watcher, R"({"type":"subscribe","id":1,"devices":["*"],"events":["telemetry"],)"
                    R"("min_interval_ms":300})");
  hub.ask(*device, kSample);
  hub.ask(*device, kSample);
  hub.ask(*device, kSample);
  watcher->take();
  hub.sleep(299);
  CHECK(watcher->received.empty());
  hub.sleep(1 + kTick);
  REQUIRE(watcher->received.size() == 1);
  CHECK(watcher->last()["offset"] == 3);
}

TEST_CASE("a command expires, and a wait for it ends, to the millisecond") {
  Harness hub;
  const auto device = hub.device("d");
  const auto client = hub.client();
  const std::string command =
      hub.ask(*client, R"({"type":"command.send","id":1,"device":"d","name":"n","timeout_ms":700})")
          ["command"]
              .as_string();
  client->take();
  Home& home = hub.shard().home();
  const auto ref = home.devices().find("t", "d");
  REQUIRE(ref.has_value());
  int ends = 0;
  home.commands().wait(*ref, command, hub.clock.now_ms() + 250,
                       [&](const Result<commands::Command>& now) {
                         CHECK(now.has_value());
                         ++ends;
                       });
  hub.sleep(249);
  CHECK(ends == 0);
  CHECK(client->last()["status"] == "delivered");
  client->take();
  hub.sleep(1);
  CHECK(ends == 1);
  hub.sleep(449);
  CHECK(client->received.empty());
  hub.sleep(1);
  CHECK(client->last()["status"] == "expired");
}

TEST_CASE("an expiry that the store refused is tried again after a second") {
  Harness hub;
  hub.hang_up(*hub.device("d"));
  // What a shard stores in its first second is not to be what fails.
  hub.sleep(1000);
  const auto client = hub.client();
  hub.ask(*client, R"({"type":"command.send","id":1,"device":"d","name":"n","timeout_ms":700,)"
                   R"("delivery":"queue"})");
  client->take();
  hub.disk().fail_next(1);
  hub.sleep(1699);
  CHECK(client->received.empty());
  hub.sleep(1);
  CHECK(client->last()["status"] == "expired");
}

TEST_CASE("nobody waits longer for a key than its patience") {
  SilentKeys keys;
  Harness hub(1, {}, &keys);
  const auto line = hub.connect();
  const std::string token = support::Token::client("app")
                                .claim("exp", 1'800'000'000)
                                .header("kid", "unknown")
                                .sign(std::string(32, 'x'));
  hub.say(*line, support::obj("type", "auth", "id", 1, "token", token).dump());
  hub.sleep(Authenticator::kKeyPatienceMs - 1);
  CHECK_FALSE(line->closed.has_value());
  hub.sleep(1);
  CHECK(line->closed == 1013);
}

TEST_CASE("a drain gives up in its time") {
  Harness hub;
  const auto device = hub.device("d");
  hub.say(*device, R"({"type":"telemetry","id":1,"metrics":{"a":1}})");
  hub.shard().drain(hub.clock.steady_ms() + 500);
  // Not committed: the answer is owed.
  for (int i = 0; i < 40 && !device->closed; ++i) {
    hub.clock.advance(hub.shard().next_due_ms() - hub.clock.steady_ms());
    hub.shard().fire_timers();
    hub.shard().end_turn();
  }
  CHECK(device->closed == 1012);
  CHECK(hub.clock.steady_ms() <= 1000 + 500 + kTick);
}

TEST_CASE("who went while the output of a turn left is buried at once") {
  Harness hub;
  const auto device = hub.device("d");
  hub.sleep(1000);
  CHECK(hub.shard().next_due_ms() > hub.clock.steady_ms());
  // As in a flush: behind the end of the turn.
  device->is_over = true;
  device->handler->on_closed({.code = 1006, .reason = {}, .by_us = false});
  CHECK(hub.shard().next_due_ms() == hub.clock.steady_ms());
  hub.shard().end_turn();
  CHECK(hub.shard().connections().size() == 0);
  CHECK(hub.shard().next_due_ms() > hub.clock.steady_ms());
}

}  // namespace fairlead::hub
