#include "hub/shard.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "harness.h"

namespace fairlead::hub {
namespace {

using support::Json;
using support::obj;

std::string auth_message(const std::string& token, int id) {
  return obj("type", "auth", "id", id, "token", token).dump();
}

const std::string kSample = R"({"type":"telemetry","id":1,"metrics":{"a":1}})";
const std::string kWatchAll = R"({"type":"subscribe","id":1,"devices":["*"]})";

std::size_t count(const Line& line, const std::string& type) {
  std::size_t found = 0;
  for (const Json& message : line.received) {
    if (message["type"] == type) ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("the first message must be an auth: all else is answered and ends with 4401") {
  Harness hub;
  const auto line = hub.connect();
  SUBCASE("another request") { hub.say(*line, R"({"type":"heartbeat","id":1})"); }
  SUBCASE("no request at all") { hub.say(*line, "no json"); }
  SUBCASE("a bad token") { hub.say(*line, auth_message("bad", 1)); }
  SUBCASE("nothing in time") {
    hub.advance(hub.settings.auth_timeout_ms - 1);
    CHECK_FALSE(line->closed.has_value());
    hub.advance(40);
  }
  REQUIRE(line->received.size() == 1);
  CHECK(line->last()["type"] == "error");
  CHECK(line->closed == 4401);
  CHECK(hub.shard().connections().size() == 0);
}

TEST_CASE("the handshake of a device is answered with its welcome, everybody else's at once") {
  Harness hub;
  CHECK(hub.device("d")->is_held_back);
  CHECK_FALSE(hub.client()->is_held_back);
  CHECK_FALSE(hub.connect()->is_held_back);
}

TEST_CASE("the welcome comes first, then the ack of the auth, on the device's home shard") {
  Harness hub(3);
  for (const std::string id : {"a", "b", "c", "d", "e"}) {
    const auto line = hub.connect(0);
    hub.say(*line, auth_message(hub.token(id, "device"), 7));
    CHECK(line->received.empty());
    hub.commit();
    CHECK(line->headlines() == std::vector<std::string>{"welcome", "ack 7"});
    CHECK(line->received[0]["telemetry"] == obj("epoch", nullptr, "last_seq", 0));
    CHECK(line->shard == hub.shard().home_of("t", id));
  }
}

TEST_CASE("a fresh token must speak for the same one, and the connection goes on if not") {
  Harness hub;
  const auto line = hub.connect();
  hub.say(*line, auth_message(hub.token("app", "client", "telemetry:read"), 1));
  hub.ask(*line, R"({"type":"subscribe","id":2,"devices":["*"]})");
  CHECK(hub.ask(*line, auth_message(hub.token("other", "client"), 3))["code"] == "forbidden");
  CHECK(hub.ask(*line, auth_message(hub.token("app", "device"), 4))["code"] == "forbidden");
  CHECK_FALSE(line->closed.has_value());
  const auto device = hub.device("d");
  line->take();
  hub.ask(*device, kSample);
  CHECK(count(*line, "telemetry") == 1);
  SUBCASE("what it permits counts for running subscriptions at once") {
    hub.say(*line, auth_message(hub.token("app", "client", "device:read"), 5));
    line->take();
    hub.ask(*device, kSample);
    CHECK(line->received.empty());
  }
  SUBCASE("a bad one ends with 4401") {
    hub.say(*line, auth_message("bad", 5));
    CHECK(line->last()["code"] == "unauthenticated");
    CHECK(line->closed == 4401);
  }
}

TEST_CASE("a bad fresh token is told before the end, though an earlier answer waits for a commit") {
  Harness hub;
  const auto device = hub.device("d");
  device->take();
  hub.say(*device, R"({"type":"telemetry","id":1,"metrics":{"n":1}})");
  hub.say(*device, auth_message("bad", 2));
  CHECK(device->headlines() == std::vector<std::string>{"error 2"});
  CHECK(device->last()["code"] == "unauthenticated");
  CHECK(device->closed == 4401);
}

TEST_CASE("a token that runs out is told a minute before and ends with 4401, unless refreshed") {
  Harness hub;
  const auto line = hub.connect();
  hub.say(*line, auth_message(hub.token("app", "client"), 1));
  hub.commit();
  hub.advance(3'600'000 - 60'000 + 40);
  CHECK(count(*line, "auth.expiring") == 1);
  CHECK_FALSE(line->closed.has_value());
  SUBCASE("it runs out") {
    hub.advance(60'000);
    CHECK(count(*line, "auth.expiring") == 1);
    CHECK(line->last()["code"] == "unauthenticated");
    CHECK(line->closed == 4401);
  }
  SUBCASE("a fresh one takes its place") {
    hub.say(*line, auth_message(hub.token("app", "client"), 2));
    hub.advance(120'000);
    CHECK_FALSE(line->closed.has_value());
  }
}

TEST_CASE("a revoked token's connections end with 4401, others stay") {
  Harness hub(2);
  const auto holder = hub.connect();
  const auto other = hub.connect();
  const std::string secret = "0123456789abcdef0123456789abcdef";
  const auth::TokenClaims claims{
      .sub = "app", .tenant = "t", .expires_at_ms = hub.clock.now_ms() + 60'000, .jti = "one"};
  const std::string token = auth::mint_hs256(secret, claims);
  hub.say(*holder, auth_message(token, 1));
  hub.say(*other, auth_message(hub.token("app", "client"), 1));
  hub.shard().revoke({.tenant = "another", .jti = "one", .expires_at_ms = 0});
  CHECK_FALSE(holder->closed.has_value());
  hub.shard().revoke({.tenant = "t", .jti = "one", .expires_at_ms = 0});
  CHECK(holder->closed == 4401);
  CHECK_FALSE(other->closed.has_value());
  const auto again = hub.connect();
  hub.say(*again, auth_message(token, 1));
  CHECK(again->closed == 4401);
}

TEST_CASE("a revocation looks at a bounded number of connections in a step") {
  Harness hub;
  std::vector<std::shared_ptr<Line>> holders;
  holders.reserve(2500);
  for (int i = 0; i < 2500; ++i) holders.push_back(hub.client_with("one"));
  const auto other = hub.client_with("another");
  hub.shard().revoke({.tenant = "t", .jti = "one", .expires_at_ms = 0});
  const auto closed = [&] {
    return std::ranges::count_if(holders, [](const auto& line) { return line->closed == 4401; });
  };
  CHECK(closed() == 1000);
  hub.run();
  CHECK(closed() == 2500);
  CHECK_FALSE(other->closed.has_value());
}

TEST_CASE("a token that is revoked while its connection moves to its home ends there") {
  Harness hub(2);
  std::string id = "d";
  while (hub.shard().home_of("t", id) != 1) id += "d";
  const auth::TokenClaims claims{.sub = id,
                                 .kind = "device",
                                 .tenant = "t",
                                 .expires_at_ms = hub.clock.now_ms() + 60'000,
                                 .jti = "one"};
  // The news has come to the home, and not yet to the shard that accepts.
  hub.shard(1).revoke({.tenant = "t", .jti = "one", .expires_at_ms = 0});
  const auto line = hub.connect(0);
  hub.say(*line, auth_message(auth::mint_hs256(Harness::kSecret, claims), 7));
  hub.commit();
  CHECK(line->closed == 4401);
  CHECK(line->last()["id"] == 7);
  CHECK(count(*line, "welcome") == 0);
  CHECK(hub.shard(1).gauges().sessions == 0);
}

TEST_CASE("a device's newer connection replaces the older with 4409 and makes no presence event") {
  Harness hub(3);
  const auto watcher = hub.client();
  hub.ask(*watcher, kWatchAll);
  const auto first = hub.device("d");
  CHECK(count(*watcher, "presence") == 1);
  const auto second = hub.device("d");
  CHECK(first->last()["type"] == "error");
  CHECK(first->closed == 4409);
  CHECK_FALSE(second->closed.has_value());
  CHECK(count(*watcher, "presence") == 1);
  hub.hang_up(*second);
  hub.commit();
  CHECK(count(*watcher, "presence") == 2);
  CHECK(watcher->last()["connected"] == false);
  CHECK(watcher->last()["reason"] == "bye");
  CHECK(watcher->last()["session"] == 2);
}

TEST_CASE("two holders of one identity are refused with 4429 for a minute, after the tenth time") {
  Harness hub;
  auto current = hub.device("d");
  for (int i = 0; i < 10; ++i) {
    const auto next = hub.device("d");
    CHECK(current->closed == 4409);
    current = next;
  }
  CHECK_FALSE(current->closed.has_value());
  const auto eleventh = hub.device("d");
  CHECK(current->closed == 4429);
  CHECK(eleventh->closed == 4429);
  CHECK(eleventh->last()["code"] == "rate_limited");
  CHECK(eleventh->last()["retry_after_ms"] == 60'000);
  hub.advance(59'000);
  const auto early = hub.device("d");
  CHECK(early->closed == 4429);
  CHECK(early->last()["retry_after_ms"] == 1000);
  hub.advance(1000);
  CHECK_FALSE(hub.device("d")->closed.has_value());
}

TEST_CASE("holders of one identity that come before the first is stored replace each other too") {
  Harness hub;
  std::vector<std::shared_ptr<Line>> lines;
  for (int i = 0; i < 12; ++i) {
    lines.push_back(hub.connect());
    hub.say(*lines.back(), auth_message(hub.token("d", "device"), 1));
  }
  hub.commit();
  // Eleven replacements.
  for (int i = 0; i < 10; ++i) CHECK(lines[static_cast<std::size_t>(i)]->closed == 4409);
  CHECK(lines[10]->closed == 4429);
  CHECK(lines[11]->closed == 4429);
  CHECK(hub.shard().gauges().connected_devices == 0);
  CHECK(hub.device("d")->closed == 4429);
}

TEST_CASE("reading pauses at 1024 answers that wait and goes on at half of them") {
  Harness hub(1, {.messages_per_second = 100'000, .burst = 100'000});
  const auto device = hub.device("d");
  for (std::size_t i = 0; i < kMaxOpenReplies - 1; ++i) hub.say(*device, kSample);
  CHECK_FALSE(device->is_paused);
  hub.say(*device, kSample);
  CHECK(device->is_paused);
  hub.commit();
  CHECK_FALSE(device->is_paused);
  CHECK(count(*device, "ack") == kMaxOpenReplies);
}

TEST_CASE(
    "nobody is read while the store is behind, and the shard looks soon whether it still is") {
  Harness hub;
  hub.is_congested_now = true;
  hub.shard().end_turn();
  CHECK(hub.is_reading_held());
  CHECK(hub.shard().next_due_ms() <= hub.clock.steady_ms() + TimerWheel<int>::kTickMs);
  hub.is_congested_now = false;
  hub.shard().end_turn();
  CHECK_FALSE(hub.is_reading_held());
}

TEST_CASE("draining commits and answers what was taken, then closes with 1012 and spread retries") {
  Harness hub;
  std::vector<std::shared_ptr<Line>> lines;
  lines.reserve(20);
  for (int i = 0; i < 20; ++i) lines.push_back(hub.device(std::to_string(i)));
  for (const auto& line : lines) hub.say(*line, kSample);
  hub.shard().drain(hub.clock.steady_ms() + 5000);
  hub.shard().end_turn();
  CHECK(hub.is_reading_held());
  CHECK_FALSE(lines[0]->closed.has_value());
  CHECK_FALSE(hub.shard().is_drained());
  SUBCASE("once everything is answered") { hub.commit(); }
  SUBCASE("or when it was waited for long enough") { hub.advance(5000); }
  std::set<std::int64_t> retries;
  for (const auto& line : lines) {
    CHECK(line->closed == 1012);
    CHECK(line->last()["code"] == "overloaded");
    const std::int64_t retry_after_ms = line->last()["retry_after_ms"].as_int();
    CHECK(retry_after_ms >= 500);
    CHECK(retry_after_ms < 5000);
    retries.insert(retry_after_ms);
  }
  CHECK(retries.size() > 10);
  CHECK(hub.shard().is_drained());
}

TEST_CASE("while draining the acks come before the end") {
  Harness hub;
  const auto device = hub.device("d");
  device->take();
  hub.say(*device, kSample);
  hub.shard().drain(hub.clock.steady_ms() + 5000);
  hub.commit();
  CHECK(device->headlines() == std::vector<std::string>{"ack 1", "error"});
}

TEST_CASE("a snapshot has the devices of every shard, and the stream begins where it ends") {
  Harness hub(3);
  std::vector<std::shared_ptr<Line>> devices;
  devices.reserve(12);
  for (int i = 0; i < 12; ++i) devices.push_back(hub.device("d" + std::to_string(i)));
  for (const auto& device : devices) hub.ask(*device, kSample);
  const auto watcher = hub.client();
  watcher->take();
  // Admitted, not committed: not in the snapshot, so in the stream.
  hub.say(*devices[0], kSample);
  const Json ack = hub.ask(*watcher, R"({"type":"subscribe","id":1,"devices":["d*"]})");
  REQUIRE(watcher->received.size() == 2);
  CHECK(watcher->received[0]["devices"].size() == 12);
  CHECK(watcher->received[0]["devices"][std::size_t{0}]["offset"] == 1);
  CHECK(watcher->received[1]["type"] == "telemetry");
  CHECK(watcher->received[1]["offset"] == 2);
  for (const auto& device : devices) hub.ask(*device, kSample);
  CHECK(count(*watcher, "telemetry") == 13);
}

TEST_CASE("a sample is told to subscribers after its commit, and never if that failed") {
  Harness hub(3);
  const auto device = hub.device("d");
  const auto watcher = hub.client(auth::Scopes::all(), 1);
  hub.ask(*watcher, kWatchAll);
  watcher->take();
  hub.say(*device, kSample);
  CHECK(watcher->received.empty());
  SUBCASE("stored") {
    hub.commit();
    CHECK(count(*watcher, "telemetry") == 1);
  }
  SUBCASE("lost") {
    hub.disk().fail_next(1);
    hub.commit();
    CHECK(watcher->received.empty());
  }
}

TEST_CASE("nothing of a subscription comes after the ack of its end, conflated samples neither") {
  Harness hub(3);
  const auto device = hub.device("d");
  const auto watcher = hub.client(auth::Scopes::all(), 1);
  hub.ask(*watcher, R"({"type":"subscribe","id":1,"devices":["*"],"min_interval_ms":1000})");
  hub.ask(*device, kSample);
  hub.ask(*device, kSample);
  watcher->take();
  hub.ask(*watcher, R"({"type":"unsubscribe","id":2,"subscription":"s1"})");
  CHECK(watcher->headlines() == std::vector<std::string>{"ack 2"});
  hub.advance(5000);
  hub.ask(*device, kSample);
  CHECK(watcher->headlines() == std::vector<std::string>{"ack 2"});
}

TEST_CASE("samples of a device that are stored together leave in one frame") {
  Harness hub;
  const auto device = hub.device("d");
  const auto watcher = hub.client();
  const auto trimming = hub.client();
  hub.ask(*watcher, R"({"type":"subscribe","id":1,"devices":["d"],"events":["telemetry"]})");
  hub.ask(*trimming,
          R"({"type":"subscribe","id":1,"devices":["d"],"events":["telemetry"],"metrics":["b"]})");
  for (const auto& line : {watcher, trimming}) line->take();
  for (int i = 1; i <= 3; ++i) hub.say(*device, kSample);
  hub.say(*device, R"({"type":"telemetry","metrics":{"b":2}})");
  hub.commit();
  REQUIRE(watcher->received.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(watcher->received[i]["offset"] == static_cast<std::int64_t>(i) + 1);
  }
  CHECK(watcher->shared_frames == 1);
  REQUIRE(trimming->received.size() == 1);
  CHECK(trimming->received[0]["offset"] == 4);
}

TEST_CASE("samples keep their place among other events, though they wait to leave together") {
  Harness hub;
  const auto device = hub.device("d");
  const auto other = hub.device("e");
  const auto watcher = hub.client();
  hub.ask(*watcher, kWatchAll);
  watcher->take();
  hub.say(*device, kSample);
  hub.say(*device, kSample);
  hub.say(*other, kSample);
  hub.say(*device, R"({"type":"device.status","status":"warning"})");
  hub.say(*device, kSample);
  hub.commit();
  std::vector<std::string> events;
  for (const Json& event : watcher->received) {
    events.push_back(event["type"].as_string() + " " + event["device"].as_string());
  }
  CHECK(events == std::vector<std::string>{"telemetry d", "telemetry d", "telemetry e",
                                           "device.status d", "telemetry d"});
  CHECK(watcher->received[0]["offset"] == 1);
  CHECK(watcher->received[4]["offset"] == 3);
}

}  // namespace fairlead::hub
