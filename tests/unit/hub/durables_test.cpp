#include "hub/durables.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "harness.h"

namespace fairlead::hub {
namespace {

using support::Json;

const std::string kBoard =
    R"({"type":"subscribe","id":1,"devices":["a*","b"],"events":["telemetry"],"durable":"board"})";
const std::string kTakeUp = R"({"type":"subscribe","id":2,"durable":"board"})";
const std::string kDrop = R"({"type":"unsubscribe","id":3,"durable":"board"})";
const std::string kSample = R"({"type":"telemetry","metrics":{"x":1}})";

/// "device:offset" of the telemetry that came since the last call, "!" behind what was replayed.
std::vector<std::string> told(Line& line) {
  std::vector<std::string> events;
  for (const Json& message : line.take()) {
    if (message["type"] != "telemetry") continue;
    events.push_back(fmt::format("{}:{}{}", message["device"].as_string(),
                                 message["offset"].as_int(), message["replay"] == true ? "!" : ""));
  }
  return events;
}

std::vector<std::string> ids(const Json& ack) {
  std::vector<std::string> found;
  for (const Json& device : ack["devices"].items()) found.push_back(device["id"].as_string());
  return found;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE(
    "a durable subscription is taken up by its name alone, also by the next life of the hub") {
  for (const std::size_t shards : {1U, 3U}) {
    Harness hub(shards);
    for (const std::string id : {"a1", "b", "c"}) {
      const auto device = hub.device(id);
      hub.ask(*device, kSample);
      hub.hang_up(*device);
    }
    const auto first = hub.client();
    CHECK(ids(hub.ask(*first, kBoard)) == Texts{"a1", "b"});
    hub.hang_up(*first);
    SUBCASE("of another connection") {}
    SUBCASE("after a restart") { hub.restart(); }
    const auto second = hub.client(auth::Scopes::all(), shards - 1);
    CHECK(ids(hub.ask(*second, kTakeUp)) == Texts{"a1", "b"});
    second->take();
    for (const std::string id : {"a1", "c"}) hub.ask(*hub.device(id), kSample);
    CHECK(told(*second) == Texts{"a1:2"});
    const auto third = hub.client();
    hub.ask(*third,
            R"({"type":"subscribe","id":4,"durable":"board","after":{"a1":0,"b":0,"c":0}})");
    hub.commit();
    CHECK(told(*third) == Texts{"a1:1!", "a1:2!", "b:1!"});
    const auto fourth = hub.client();
    hub.ask(*fourth, R"({"type":"subscribe","id":5,"durable":"board","since":0})");
    hub.commit();
    CHECK(told(*fourth) == Texts{"a1:1!", "a1:2!", "b:1!"});
  }
}

TEST_CASE("it is acked when it is stored, and is not there when the store refused it") {
  Harness hub;
  const auto client = hub.client();
  client->take();
  hub.say(*client, kBoard);
  hub.say(*client, kTakeUp);
  CHECK(client->received.empty());
  SUBCASE("stored") {
    hub.commit();
    CHECK(client->headlines() == Texts{"ack 1", "ack 2"});
    CHECK(hub.shard().gauges().durable_subscriptions == 1);
    CHECK(hub.shard().gauges().subscriptions == 1);
  }
  SUBCASE("refused") {
    hub.disk().fail_next(1);
    hub.commit();
    CHECK(client->headlines() == Texts{"error 1", "error 2"});
    CHECK(client->received[0]["code"] == "overloaded");
    CHECK(hub.ask(*client, kTakeUp)["code"] == "not_found");
    CHECK(hub.shard().gauges().durable_subscriptions == 0);
    CHECK(hub.shard().gauges().subscriptions == 0);
  }
}

TEST_CASE("a replacement that the store refused leaves what was there") {
  Harness hub;
  const auto device = hub.device("b");
  const auto client = hub.client();
  hub.ask(*client, kBoard);
  const auto other = hub.client();
  hub.disk().fail_next(1);
  SUBCASE("another definition") {
    CHECK(hub.ask(*other,
                  R"({"type":"subscribe","id":1,"devices":["c"],"durable":"board"})")["code"] ==
          "overloaded");
  }
  SUBCASE("its end") { CHECK(hub.ask(*other, kDrop)["code"] == "overloaded"); }
  CHECK(ids(hub.ask(*other, kTakeUp)) == Texts{"b"});
}

TEST_CASE("named again with devices it is replaced, and runs once on a connection") {
  Harness hub(2);
  const auto a = hub.device("a1");
  const auto c = hub.device("c");
  const auto client = hub.client();
  hub.ask(*client, kBoard);
  const Json replaced =
      hub.ask(*client, R"({"type":"subscribe","id":6,"devices":["c"],"durable":"board"})");
  CHECK(replaced["type"] == "ack");
  CHECK(ids(replaced) == Texts{"c"});
  client->take();
  hub.ask(*a, kSample);
  hub.ask(*c, kSample);
  CHECK(told(*client) == Texts{"c:1"});
  // Twice in one breath: each ends the one before.
  hub.say(*client, kTakeUp);
  hub.say(*client, kTakeUp);
  hub.commit();
  hub.ask(*c, kSample);
  CHECK(told(*client) == Texts{"c:2"});
  CHECK(hub.shard(0).gauges().subscriptions + hub.shard(1).gauges().subscriptions == 1);
  CHECK(ids(hub.ask(*hub.client(), kTakeUp)) == Texts{"c"});
}

TEST_CASE("unsubscribing by the name drops it for good, by the subscription only for now") {
  Harness hub;
  const auto device = hub.device("b");
  const auto client = hub.client();
  CHECK(hub.ask(*client, kDrop)["code"] == "not_found");
  const std::string running = hub.ask(*client, kBoard)["subscription"].as_string();
  CHECK(hub.ask(*client, R"({"type":"unsubscribe","id":7,"subscription":")" + running +
                             "\"}")["type"] == "ack");
  CHECK(hub.ask(*client, kTakeUp)["type"] == "ack");
  CHECK(hub.ask(*client, kDrop)["type"] == "ack");
  client->take();
  hub.ask(*device, kSample);
  CHECK(told(*client).empty());
  CHECK(hub.ask(*client, kTakeUp)["code"] == "not_found");
  hub.restart();
  CHECK(hub.ask(*hub.client(), kTakeUp)["code"] == "not_found");
}

TEST_CASE("it is its client's: another name does not find it, and each may have so many") {
  Settings settings;
  settings.durable_subscriptions = 2;
  Harness hub(2, settings);
  const auto client = hub.client();
  const auto named = [](const std::string& name) {
    return R"({"type":"subscribe","id":1,"devices":["*"],"durable":")" + name + "\"}";
  };
  hub.ask(*client, named("one"));
  hub.ask(*client, named("two"));
  const Json refused = hub.ask(*client, named("three"));
  CHECK(refused["code"] == "too_large");
  CHECK(refused["limit"] == 2);
  CHECK(hub.ask(*client, named("two"))["type"] == "ack");
  const auto other = hub.client(auth::Scopes::all(), 1, "other");
  CHECK(hub.ask(*other, R"({"type":"subscribe","id":1,"durable":"one"})")["code"] == "not_found");
  CHECK(hub.ask(*other, named("three"))["type"] == "ack");
  CHECK(hub.ask(*client, R"({"type":"unsubscribe","id":1,"durable":"one"})")["type"] == "ack");
  CHECK(hub.ask(*client, named("three"))["type"] == "ack");
}

TEST_CASE("what the token permits is looked at when it is taken up") {
  Harness hub;
  const auto device = hub.device("b");
  hub.ask(*hub.client(), kBoard);
  const auto poor = hub.client(auth::Scopes{auth::Scope::kDeviceRead});
  CHECK(hub.ask(*poor, kTakeUp)["code"] == "forbidden");
  hub.ask(*hub.client(), R"({"type":"subscribe","id":1,"devices":["*"],"durable":"any"})");
  // Without named events those are meant that are permitted now.
  const std::string take_up = R"({"type":"subscribe","id":2,"durable":"any"})";
  CHECK(hub.ask(*poor, take_up)["type"] == "ack");
  poor->take();
  hub.ask(*device, kSample);
  CHECK(told(*poor).empty());
  CHECK(hub.ask(*hub.client(auth::Scopes{}), take_up)["code"] == "forbidden");
}

TEST_CASE("one that is not used for long is dropped, one that runs is not") {
  Settings settings;
  settings.durable_ttl_s = 3600;
  settings.heartbeat_ms = 3'600'000;
  Harness hub(1, settings);
  const auto runs = hub.client();
  hub.ask(*runs, kBoard);
  const auto leaves = hub.client();
  hub.ask(*leaves, R"({"type":"subscribe","id":1,"devices":["*"],"durable":"left"})");
  hub.hang_up(*leaves);
  hub.sleep(3600 * 1000 - 1);
  CHECK(hub.disk().state().subscriptions.size() == 2);
  hub.sleep(10'000);
  CHECK(hub.disk().state().subscriptions.size() == 1);
  CHECK(hub.ask(*runs, R"({"type":"subscribe","id":1,"durable":"left"})")["code"] == "not_found");
  for (int hour = 0; hour < 4; ++hour) hub.sleep(3'600'000);
  CHECK(hub.ask(*hub.client(), kTakeUp)["type"] == "ack");
}

TEST_CASE("its last use is stored now and then only, and lasts through a restart") {
  Harness hub;
  auto client = hub.client();
  hub.ask(*client, kBoard);
  const std::size_t commits = hub.disk().commits();
  for (int i = 0; i < 10; ++i) {
    hub.ask(*client,
            R"({"type":"unsubscribe","id":1,"subscription":"s)" + std::to_string(i + 1) + "\"}");
    CHECK(hub.ask(*client, kTakeUp)["type"] == "ack");
  }
  CHECK(hub.disk().commits() == commits);
  hub.clock.advance(6 * kDayMs);
  client = hub.client();
  CHECK(hub.ask(*client, kTakeUp)["type"] == "ack");
  hub.restart();
  hub.clock.advance(6 * kDayMs);
  CHECK(hub.ask(*hub.client(), kTakeUp)["type"] == "ack");
}

TEST_CASE("a connection that ends while its subscription is being stored leaves nothing running") {
  Harness hub;
  const auto client = hub.client();
  hub.say(*client, kBoard);
  hub.say(*client, kTakeUp);
  hub.hang_up(*client);
  hub.commit();
  CHECK(hub.shard().gauges().subscriptions == 0);
  CHECK(hub.shard().gauges().durable_subscriptions == 1);
}

TEST_CASE("subscriptions that are being looked for count for the connection's bound") {
  Harness hub;
  const auto client = hub.client();
  client->take();
  for (std::size_t i = 0; i <= kMaxSubscriptions; ++i) {
    hub.say(*client,
            fmt::format(R"({{"type":"subscribe","id":{},"devices":["*"],"durable":"d"}})", i));
  }
  hub.commit();
  CHECK(client->last()["code"] == "too_large");
}

}  // namespace fairlead::hub
