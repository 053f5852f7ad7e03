#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

Json telemetry(std::int64_t n) { return obj("type", "telemetry", "metrics", obj("n", n, "m", -n)); }

Json subscribe(Json devices) { return obj("type", "subscribe", "devices", std::move(devices)); }

}  // namespace

TEST_CASE("a subscriber gets a snapshot and then what comes after it, each sample once") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  device.ack(obj("type", "device.register", "device_type", "boiler"));
  device.ack(obj("type", "device.status", "status", "warning"));
  device.ack(obj("type", "telemetry", "ts", 1000, "metrics", obj("n", 1)));
  WsClient client = hub().client();
  const Json ack = client.ack(subscribe(arr(id)));
  CHECK(ack["subscription"].is_string());
  REQUIRE(ack["devices"].size() == 1);
  const Json& snapshot = ack["devices"][0];
  CHECK(snapshot["id"] == id);
  CHECK(snapshot["connected"] == true);
  CHECK(snapshot["last_seen"].as_int() > 0);
  CHECK(snapshot["status"] == "warning");
  CHECK(snapshot["device_type"] == "boiler");
  CHECK(snapshot["offset"] == 1);
  CHECK(snapshot["metrics"] == obj("n", obj("value", 1, "ts", 1000)));
  client.expect_nothing();

  const std::int64_t before = now_ms();
  device.ack(obj("type", "telemetry", "ts", 2000, "metrics", obj("n", 2.5, "s", "x")));
  const Json event = client.expect("telemetry");
  CHECK(event["device"] == id);
  CHECK(event["offset"] == 2);
  CHECK(event["ts"] == 2000);
  CHECK(event["at"].as_int() >= before);
  CHECK(event["metrics"] == obj("n", 2.5, "s", "x"));
  CHECK(!event["replay"].exists());
  // A duplicate is no event.
  device.ack(telemetry(3).with("seq", 1));
  device.ack(telemetry(3).with("seq", 1));
  CHECK(client.expect("telemetry")["offset"] == 3);
  client.expect_nothing();
}

TEST_CASE("a prefix and the star match what is there and what comes later") {
  const std::string tenant = unique("tenant");
  WsClient boiler = hub().device("boiler-1", tenant);
  WsClient pump = hub().device("pump-1", tenant);
  WsClient prefix = hub().client(tenant);
  WsClient star = hub().client(tenant);
  const Json some =
      prefix.ack(subscribe(arr("boiler-*", "nobody")).with("events", arr("telemetry")));
  REQUIRE(some["devices"].size() == 1);
  CHECK(some["devices"][0]["id"] == "boiler-1");
  CHECK(some["devices"][0]["offset"] == 0);
  CHECK(some["devices"][0]["metrics"] == obj());
  CHECK(star.ack(subscribe(arr("*")).with("events", arr("telemetry")))["devices"].size() == 2);
  pump.ack(telemetry(1));
  boiler.ack(telemetry(2));
  WsClient late = hub().device("boiler-2", tenant);
  late.ack(telemetry(3));
  CHECK(prefix.expect("telemetry")["metrics"]["n"] == 2);
  CHECK(prefix.expect("telemetry")["device"] == "boiler-2");
  prefix.expect_nothing();
  std::int64_t sum = 0;
  for (int i = 0; i < 3; ++i) sum += star.expect("telemetry")["metrics"]["n"].as_int();
  CHECK(sum == 6);
  star.expect_nothing();
}

TEST_CASE("events names what is wanted, and nothing else comes") {
  const std::string id = unique("boiler");
  WsClient status = hub().client();
  status.ack(subscribe(arr(id)).with("events", arr("status")));
  WsClient presence = hub().client();
  presence.ack(subscribe(arr(id)).with("events", arr("presence")));
  WsClient all = hub().client();
  all.ack(subscribe(arr(id)));
  WsClient device = hub().device(id);
  device.ack(telemetry(1));
  const Json said = obj("type", "device.status", "status", "error", "detail", "leak");
  device.ack(said);
  const Json event = status.expect("device.status");
  CHECK(event["device"] == id);
  CHECK(event["status"] == "error");
  CHECK(event["detail"] == "leak");
  CHECK(event["at"].as_int() > 0);
  status.expect_nothing();
  CHECK(presence.expect("presence")["connected"] == true);
  presence.expect_nothing();
  std::vector<std::string> types(4);
  for (std::string& type : types) type = all.receive()["type"].as_string();
  CHECK(std::ranges::count(types, "device.registered") == 1);
  CHECK(std::ranges::count(types, "presence") == 1);
  CHECK(types[2] == "telemetry");
  CHECK(types[3] == "device.status");
}

TEST_CASE("metrics trims events and snapshots and leaves out events that have none of them") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  device.ack(telemetry(1));
  WsClient client = hub().client();
  const Json ack = client.ack(subscribe(arr(id)).with("metrics", arr("n", "x")));
  CHECK(ack["devices"][0]["metrics"].size() == 1);
  CHECK(ack["devices"][0]["metrics"]["n"]["value"] == 1);
  device.ack(obj("type", "telemetry", "metrics", obj("other", 1)));
  device.ack(telemetry(3));
  const Json event = client.expect("telemetry");
  CHECK(event["offset"] == 3);
  CHECK(event["metrics"] == obj("n", 3));
}

TEST_CASE(
    "what several subscriptions of one connection match is sent once, with all their metrics") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  client.ack(subscribe(arr(id)).with("metrics", arr("a")));
  client.ack(subscribe(arr("boiler-*")).with("metrics", arr("b")));
  client.ack(subscribe(arr(id, id)).with("metrics", arr("b")));
  device.ack(obj("type", "telemetry", "metrics", obj("a", 1, "b", 2, "c", 3)));
  CHECK(client.expect("telemetry")["metrics"] == obj("a", 1, "b", 2));
  client.expect_nothing();
}

TEST_CASE("after replays exactly what follows that offset, in order, and goes live") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  for (int n = 1; n <= 10; ++n) device.ack(telemetry(n));
  WsClient client = hub().client();
  client.ack(subscribe(arr(id)).with("after", obj(id, 4)));
  for (int n = 5; n <= 10; ++n) {
    const Json event = client.expect("telemetry");
    CHECK(event["offset"] == n);
    CHECK(event["metrics"]["n"] == n);
    CHECK(event["replay"] == true);
  }
  device.ack(telemetry(11));
  const Json live = client.expect("telemetry");
  CHECK(live["offset"] == 11);
  CHECK(!live["replay"].exists());
  // From its end there is nothing to replay.
  WsClient other = hub().client();
  other.ack(subscribe(arr(id)).with("after", obj(id, 11)));
  other.expect_nothing();
}

TEST_CASE("a replay of many pages under a running stream has no gap and no double") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  Json::Array many;
  for (int n = 0; n < 1000; ++n) many.push_back(obj("metrics", obj("n", n)));
  for (int i = 0; i < 5; ++i) {
    device.ack(obj("type", "telemetry.batch", "samples", many));
  }
  auto stream = std::async(std::launch::async, [&device] {
    for (int n = 0; n < 150; ++n) device.ack(telemetry(n));
  });
  WsClient client = hub().client();
  client.ack(subscribe(arr(id)).with("events", arr("telemetry")).with("after", obj(id, 0)));
  for (std::int64_t offset = 1; offset <= 5150; ++offset) {
    const Json event = client.expect("telemetry");
    if (event["offset"] != offset) REQUIRE(event["offset"] == offset);
  }
  stream.get();
  client.expect_nothing();
}

TEST_CASE("since replays what arrived from then on, of every device that matches") {
  const std::string tenant = unique("tenant");
  WsClient a = hub().device("a", tenant);
  WsClient b = hub().device("b", tenant);
  for (int n = 1; n <= 3; ++n) a.ack(telemetry(n));
  for (int n = 1; n <= 3; ++n) b.ack(telemetry(n));
  const auto rows = hub().http(tenant).list("/v1/devices/b/telemetry");
  const std::int64_t since = rows[1]["at"].as_int();
  std::int64_t expected = 0;
  for (const char* id : {"a", "b"}) {
    for (const Json& row : hub().http(tenant).list(fmt::format("/v1/devices/{}/telemetry", id))) {
      expected += row["at"].as_int() >= since ? 1 : 0;
    }
  }
  WsClient client = hub().client(tenant);
  client.ack(subscribe(arr("*")).with("events", arr("telemetry")).with("since", since));
  for (; expected > 0; --expected) {
    const Json event = client.expect("telemetry");
    CHECK(event["replay"] == true);
    CHECK(event["at"].as_int() >= since);
  }
  client.expect_nothing();
  b.ack(telemetry(4));
  CHECK(!client.expect("telemetry")["replay"].exists());
}

TEST_CASE("min_interval_ms lets the newest through and is no lag") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  client.ack(subscribe(arr(id)).with("events", arr("telemetry")).with("min_interval_ms", 500));
  for (int n = 1; n <= 100; ++n) device.ack(telemetry(n));
  int seen = 0;
  std::int64_t last = 0;
  while (last != 100) {
    const Json event = client.expect("telemetry");
    CHECK(event["offset"].as_int() > last);
    last = event["offset"].as_int();
    ++seen;
  }
  CHECK(seen < 100);
  client.expect_nothing();
}

TEST_CASE("after unsubscribe nothing comes any more, other subscriptions go on") {
  const std::string one = unique("boiler");
  const std::string two = unique("boiler");
  WsClient first = hub().device(one);
  WsClient second = hub().device(two);
  WsClient client = hub().client();
  const Json subscription = client.ack(subscribe(arr(one)))["subscription"];
  client.ack(subscribe(arr(two)));
  client.ack(obj("type", "unsubscribe", "subscription", subscription));
  first.ack(telemetry(1));
  second.ack(telemetry(2));
  CHECK(client.expect("telemetry")["device"] == two);
  client.expect_nothing();
  client.refused("not_found", obj("type", "unsubscribe", "subscription", subscription));
  client.refused("invalid", obj("type", "unsubscribe"));
}

TEST_CASE("devices outside the token's claim match nothing") {
  const std::string tenant = unique("tenant");
  WsClient mine = hub().device("mine-1", tenant);
  WsClient theirs = hub().device("theirs-1", tenant);
  Token token = Token::client("narrow").tenant(tenant).may_do_all();
  WsClient client = hub().client(token.devices(arr("mine-*")));
  const Json ack = client.ack(subscribe(arr("*", "theirs-1")));
  REQUIRE(ack["devices"].size() == 1);
  CHECK(ack["devices"][0]["id"] == "mine-1");
  theirs.ack(telemetry(1));
  theirs.ack(obj("type", "device.status", "status", "error"));
  mine.ack(telemetry(2));
  CHECK(client.expect("telemetry")["device"] == "mine-1");
  theirs.close();
  client.expect_nothing();
}

TEST_CASE("tenants never see each other, not even devices of the same id") {
  const std::string one = unique("tenant");
  const std::string two = unique("tenant");
  WsClient first = hub().device("boiler", one);
  WsClient second = hub().device("boiler", two);
  WsClient client = hub().client(one);
  REQUIRE(client.ack(subscribe(arr("*")))["devices"].size() == 1);
  second.ack(telemetry(2));
  second.ack(obj("type", "device.register", "name", "Other"));
  first.ack(telemetry(1));
  const Json event = client.expect("telemetry");
  CHECK(event["offset"] == 1);
  CHECK(event["metrics"]["n"] == 1);
  second.close();
  client.expect_nothing();
  CHECK(hub().http(one).list("/v1/devices/boiler/telemetry").size() == 1);
}

TEST_CASE("an event needs its scope, and without events those permitted are meant") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient reader = hub().client(Token::client("reader").scope("device:read"));
  reader.refused("forbidden", subscribe(arr(id)).with("events", arr("telemetry")));
  reader.refused("forbidden", subscribe(arr(id)).with("events", arr("presence", "command")));
  reader.ack(subscribe(arr(id)));
  device.ack(telemetry(1));
  device.ack(obj("type", "device.status", "status", "ok"));
  reader.expect("device.status");
  WsClient measures = hub().client(Token::client("measures").scope("telemetry:read"));
  measures.ack(subscribe(arr(id)));
  device.ack(obj("type", "device.status", "status", "error"));
  device.ack(telemetry(2));
  CHECK(measures.expect("telemetry")["offset"] == 2);
  measures.expect_nothing();
}

TEST_CASE("a subscribe that makes no sense is invalid and says where") {
  WsClient client = hub().client();
  const auto path = [&](const Json& message) {
    const Json error = client.refused("invalid", message);
    client.expect_nothing();
    return error["fields"][0]["path"];
  };
  CHECK(path(obj("type", "subscribe")) == "devices");
  CHECK(path(subscribe(arr())) == "devices");
  CHECK(path(subscribe("*")) == "devices");
  CHECK(path(subscribe(arr("a", "b c"))) == "devices[1]");
  CHECK(path(subscribe(arr("a*b"))) == "devices[0]");
  CHECK(path(subscribe(Json::Array(1001, "a"))) == "devices");
  CHECK(path(subscribe(arr("a")).with("events", arr("weather"))) == "events[0]");
  CHECK(path(subscribe(arr("a")).with("metrics", arr("a b"))) == "metrics[0]");
  CHECK(path(subscribe(arr("a")).with("min_interval_ms", -1)) == "min_interval_ms");
  CHECK(path(subscribe(arr("a")).with("after", obj("a", -1))) == "after.a");
  CHECK(path(subscribe(arr("a")).with("since", "today")) == "since");
}

TEST_CASE("a snapshot holds 1000 devices at most and says when there are more") {
  const std::string tenant = unique("tenant");
  const HubProcess own({.settings = {"limits.messages_per_second=100000", "limits.burst=100000"}});
  const auto http = own.http(tenant);
  for (int i = 0; i < 1001; ++i) {
    REQUIRE(http.put(fmt::format("/v1/devices/d-{:04}", i), obj()).status == 201);
  }
  WsClient client = own.client(tenant);
  const Json most = client.ack(subscribe(arr("*")));
  CHECK(most["devices"].size() == 1000);
  CHECK(most["truncated"] == true);
  const Json few = client.ack(subscribe(arr("d-0*")));
  CHECK(few["devices"].size() == 1000);
  CHECK(few["truncated"] != true);
}

TEST_CASE("a slow reader is told what it lost, and nobody else waits for it") {
  const HubProcess own({.settings = {"limits.max_message_bytes=1000000"}});
  WsClient device = own.device("camera");
  WsClient slow(own.port(), {.token = own.sign(Token::client("slow").may_do_all()),
                             .receive_buffer_bytes = 4096});
  slow.expect("welcome");
  slow.ack(subscribe(arr("*")).with("events", arr("telemetry")));
  WsClient quick = own.client();
  quick.ack(subscribe(arr("*")).with("events", arr("telemetry")));
  Json::Object metrics;
  for (int i = 0; i < 20; ++i) metrics.emplace_back(fmt::format("m{}", i), std::string(1000, 'x'));
  const Json samples = Json::Array(40, obj("metrics", metrics));
  constexpr int kBatches = 40;
  for (int i = 0; i < kBatches; ++i) {
    device.ack(obj("type", "telemetry.batch", "samples", samples));
    for (int n = 1; n <= 40; ++n) CHECK(quick.expect("telemetry")["offset"] == i * 40 + n);
  }
  std::int64_t delivered = 0;
  std::int64_t dropped = 0;
  std::int64_t next = 1;
  const std::int64_t last = kBatches * 40 + 1;
  device.ack(telemetry(0));
  while (next <= last) {
    const Json message = slow.receive();
    if (message["type"] == "lag") {
      CHECK(message["subscription"].is_string());
      CHECK(message["since"].as_int() > 0);
      dropped += message["dropped"].as_int();
      continue;
    }
    REQUIRE(message["type"] == "telemetry");
    CHECK(message["offset"].as_int() >= next);
    next = message["offset"].as_int() + 1;
    ++delivered;
    // What is missing up to here was told before it.
    if (delivered + dropped != next - 1) REQUIRE(delivered + dropped == next - 1);
  }
  CHECK(dropped > 0);
}

TEST_CASE("a durable subscription outlives a hub that is killed, and is dropped by its name") {
  HubProcess own({.settings = {"runtime.shards=2", "limits.durable_subscriptions=1"}});
  const Token app = Token::client("app").may_do_all();
  const Json board = subscribe(arr("d*")).with("durable", "board").with("metrics", arr("n"));
  const Json take_up = obj("type", "subscribe", "durable", "board");
  {
    WsClient device = own.device("d1");
    device.ack(telemetry(1));
    WsClient client = own.client(app);
    client.ack(board);
    CHECK(client.refused("too_large", board.with("durable", "second"))["limit"] == 1);
    device.ack(telemetry(2));
    CHECK(client.expect("telemetry")["metrics"] == obj("n", 2));
  }
  own.restart();
  WsClient client = own.client(app);
  const Json ack = client.ack(take_up.with("after", obj("d1", 1)));
  REQUIRE(ack["devices"].size() == 1);
  CHECK(ack["devices"][0]["metrics"].size() == 1);
  const Json replayed = client.expect_until("telemetry");
  CHECK(replayed["offset"] == 2);
  CHECK(replayed["replay"] == true);
  CHECK(replayed["metrics"] == obj("n", 2));
  own.client(Token::client("another").may_do_all()).refused("not_found", take_up);
  client.refused("invalid", take_up.with("metrics", arr("m")));
  client.ack(obj("type", "unsubscribe", "durable", "board"));
  own.restart();
  own.client(app).refused("not_found", take_up);
}
