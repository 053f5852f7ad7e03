#include <doctest/doctest.h>
#include <fmt/format.h>

#include <vector>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

Json sample(std::int64_t seq, double value) {
  return obj("seq", seq, "metrics", obj("temperature", value));
}

Json telemetry(std::int64_t seq, double value) {
  return sample(seq, value).with("type", "telemetry");
}

Json batch(Json::Array samples) {
  return obj("type", "telemetry.batch", "samples", std::move(samples));
}

Json::Array history(const HubProcess& of, const std::string& device) {
  return of.http().list("/v1/devices/" + device + "/telemetry");
}

Json welcome_of(const HubProcess& of, const std::string& device) {
  WsClient client(of.port(), {.token = of.sign(Token::device(device))});
  return client.expect("welcome")["telemetry"];
}

}  // namespace

TEST_CASE("an ack tells what was accepted and the highest sequence number stored") {
  WsClient device = hub().device(unique("boiler"));
  const Json plain = device.ack(obj("type", "telemetry", "metrics", obj("t", 1)));
  CHECK(plain["accepted"] == 1);
  CHECK(plain["duplicates"] == 0);
  const Json numbered = device.ack(telemetry(7, 21.5));
  CHECK(numbered["accepted"] == 1);
  CHECK(numbered["duplicates"] == 0);
  CHECK(numbered["last_seq"] == 7);
}

TEST_CASE("each value comes back from the history as it was sent") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const std::string metrics =
      R"({"pi":3.141592653589793,"tiny":5e-324,"huge":1.7976931348623157e308,"minus":-0.1,)"
      R"("whole":9007199254740993,"on":true,"off":false,"text":"π \"quoted\" \u0001 \ud83d\ude00",)"
      R"("empty":"","a.b:c/d-e_f":1})";
  device.send_text(R"({"type":"telemetry","id":1,"ts":1700000000000,"metrics":)" + metrics + "}");
  CHECK(device.expect("ack")["accepted"] == 1);
  const auto rows = history(hub(), id);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["ts"] == 1'700'000'000'000);
  CHECK(rows[0]["offset"] == 1);
  CHECK(rows[0]["metrics"] == Json::parse(metrics));
}

TEST_CASE("without a ts a sample has the time of its arrival") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const std::int64_t before = now_ms();
  device.ack(obj("type", "telemetry", "metrics", obj("t", 1)));
  device.ack(obj("type", "telemetry", "ts", 0, "metrics", obj("t", 2)));
  const auto rows = history(hub(), id);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["ts"] == 0);
  CHECK(rows[0]["at"].as_int() >= before);
  CHECK(rows[0]["at"].as_int() <= now_ms());
  CHECK(rows[1]["ts"] == rows[1]["at"]);
  CHECK(rows[1]["ts"].as_int() >= before);
}

TEST_CASE("what is wrong with a sample is invalid and named, and nothing of it is stored") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  struct Case {
    const char* members;
    const char* path;
  };
  const std::vector<Case> cases = {
      {R"("ts":1)", "metrics"},
      {R"("metrics":[])", "metrics"},
      {R"("metrics":{})", "metrics"},
      {R"("metrics":null)", "metrics"},
      {R"("metrics":{"t":null})", "metrics.t"},
      {R"("metrics":{"t":[1]})", "metrics.t"},
      {R"("metrics":{"t":{"v":1}})", "metrics.t"},
      {R"("metrics":{"ok":1,"t":null})", "metrics.t"},
      {R"("metrics":{"":1})", nullptr},
      {R"("metrics":{"a b":1})", nullptr},
      {R"("metrics":{"t":1},"ts":-1)", "ts"},
      {R"("metrics":{"t":1},"ts":1.5)", "ts"},
      {R"("metrics":{"t":1},"ts":"now")", "ts"},
      {R"("metrics":{"t":1},"seq":0)", "seq"},
      {R"("metrics":{"t":1},"seq":9007199254740992)", "seq"},
      {R"("metrics":{"t":1},"seq":"1")", "seq"},
      {R"("metrics":{"t":1},"seq":1,"epoch":5)", "epoch"},
      {R"("metrics":{"t":1},"seq":1,"epoch":null)", "epoch"},
  };
  for (const auto& [members, path] : cases) {
    CAPTURE(members);
    device.send_text(fmt::format(R"({{"type":"telemetry","id":1,{}}})", members));
    const Json error = device.expect_error("invalid");
    CHECK(error["id"] == 1);
    if (path != nullptr) {
      CHECK(error["fields"][0]["path"] == path);
      CHECK(error["message"].as_string().find(path) != std::string::npos);
    }
    CHECK(error["fields"][0]["problem"].is_string());
    device.expect_nothing();
  }
  device.refused("invalid", telemetry(1, 1).with("ts", now_ms() + 25 * 3'600'000));
  device.refused("invalid", telemetry(1, 1).with("epoch", std::string(65, 'e')));
  device.refused("invalid", obj("type", "telemetry", "metrics", obj(std::string(65, 'm'), 1)));
  CHECK(history(hub(), id).empty());
  device.ack(telemetry(1, 1).with("ts", now_ms() + 23 * 3'600'000));
  CHECK(history(hub(), id).size() == 1);
}

TEST_CASE("too many metrics or samples, or a text too long, is too_large and tells the limit") {
  WsClient device = hub().device(unique("boiler"));
  Json::Object metrics;
  for (int i = 0; i < 257; ++i) metrics.emplace_back(fmt::format("m{}", i), i);
  CHECK(device.refused("too_large", obj("type", "telemetry", "metrics", metrics))["limit"] == 256);
  metrics.pop_back();
  device.ack(obj("type", "telemetry", "metrics", metrics));

  Json::Array samples(1001, obj("metrics", obj("t", 1)));
  CHECK(device.refused("too_large", batch(samples))["limit"] == 1000);
  samples.pop_back();
  CHECK(device.ack(batch(samples))["accepted"] == 1000);

  const auto text = [](std::size_t bytes) {
    return obj("type", "telemetry", "metrics", obj("t", std::string(bytes, 'x')));
  };
  const Json error = device.refused("too_large", text(1025));
  CHECK(error["limit"] == 1024);
  CHECK(error["fields"][0]["path"] == "metrics.t");
  device.ack(text(1024));
}

TEST_CASE("a batch is all or nothing, and an error names the sample") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const Json error = device.refused(
      "invalid", batch({sample(1, 1), obj("seq", 2, "metrics", obj("temperature", nullptr))}));
  CHECK(error["fields"][0]["path"] == "samples[1].metrics.temperature");
  device.refused("invalid", batch({}));
  device.refused("invalid", obj("type", "telemetry.batch", "samples", obj()));
  CHECK(history(hub(), id).empty());
  const Json ack = device.ack(batch({sample(1, 1), sample(2, 2), sample(3, 3)}));
  CHECK(ack["accepted"] == 3);
  CHECK(ack["duplicates"] == 0);
  CHECK(ack["last_seq"] == 3);
  CHECK(history(hub(), id).size() == 3);
}

TEST_CASE("a sample with a seq is stored once, however often and in whatever batch it is sent") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  device.ack(telemetry(5, 5));
  const Json again = device.ack(telemetry(5, 5));
  CHECK(again["accepted"] == 0);
  CHECK(again["duplicates"] == 1);
  CHECK(again["last_seq"] == 5);
  const Json below = device.ack(telemetry(3, 3));
  CHECK(below["duplicates"] == 1);
  CHECK(below["last_seq"] == 5);
  const Json mixed =
      device.ack(batch({sample(4, 4), sample(6, 6), sample(6, 6), sample(9, 9), sample(8, 8)}));
  CHECK(mixed["accepted"] == 2);
  CHECK(mixed["duplicates"] == 3);
  CHECK(mixed["last_seq"] == 9);
  // Sent at once, before the first is committed.
  const std::string frame =
      encode_masked({.opcode = kText, .payload = telemetry(10, 10).with("id", 1).dump()});
  device.send_raw(frame + frame + frame);
  CHECK(device.expect("ack")["accepted"] == 1);
  for (int i = 0; i < 2; ++i) {
    const Json duplicate = device.expect("ack");
    CHECK(duplicate["duplicates"] == 1);
    CHECK(duplicate["last_seq"] == 10);
  }
  std::vector<double> stored;
  for (const Json& row : history(hub(), id)) {
    stored.push_back(row["metrics"]["temperature"].as_double());
  }
  CHECK(stored == std::vector<double>{5, 6, 9, 10});
}

TEST_CASE("a new epoch begins the numbers anew, a former one too, and none means the current one") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  CHECK(device.ack(telemetry(4, 1).with("epoch", "b1"))["accepted"] == 1);
  CHECK(welcome_of(hub(), id) == obj("epoch", "b1", "last_seq", 4));
  WsClient again = hub().device(id);
  CHECK(again.ack(telemetry(4, 1))["duplicates"] == 1);
  CHECK(again.ack(telemetry(5, 2))["last_seq"] == 5);
  const Json anew = again.ack(telemetry(1, 3).with("epoch", "b2"));
  CHECK(anew["accepted"] == 1);
  CHECK(anew["last_seq"] == 1);
  CHECK(again.ack(telemetry(2, 4).with("epoch", "b1"))["accepted"] == 1);
  const Json empty = again.ack(telemetry(1, 5).with("epoch", ""));
  CHECK(empty["accepted"] == 1);
  CHECK(again.ack(telemetry(1, 5))["duplicates"] == 1);
  CHECK(history(hub(), id).size() == 5);
}

TEST_CASE("an epoch in a batch counts for all of it") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  device.ack(batch({sample(1, 1), sample(2, 2)}).with("epoch", "a"));
  const Json ack = device.ack(batch({sample(1, 3), sample(2, 4), sample(2, 4)}).with("epoch", "b"));
  CHECK(ack["accepted"] == 2);
  CHECK(ack["duplicates"] == 1);
  CHECK(ack["last_seq"] == 2);
  CHECK(welcome_of(hub(), id) == obj("epoch", "b", "last_seq", 2));
}

TEST_CASE("offsets begin at 1 and rise by one without a gap, whatever was refused or doubled") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  for (int i = 1; i <= 5; ++i) {
    device.ack(telemetry(i, i));
    device.ack(telemetry(i, i));
    device.refused("invalid", obj("type", "telemetry", "metrics", 1));
    device.ack(obj("type", "telemetry", "metrics", obj("t", i)));
  }
  std::int64_t next = 1;
  for (const Json& row : history(hub(), id)) CHECK(row["offset"] == next++);
  CHECK(next == 11);
  CHECK(hub().http().get("/v1/devices/" + id).json()["offset"] == 10);
}

TEST_CASE("what was acked survives a kill and is not stored twice after it") {
  HubProcess own;
  const std::string id = "boiler";
  {
    WsClient device = own.device(id);
    device.ack(batch({sample(1, 1), sample(2, 2)}).with("epoch", "e"));
    device.ack(telemetry(3, 3));
  }
  const auto before = history(own, id);
  own.restart();
  CHECK(history(own, id) == before);
  CHECK(welcome_of(own, id) == obj("epoch", "e", "last_seq", 3));
  WsClient device = own.device(id);
  const Json ack = device.ack(batch({sample(2, 2), sample(3, 3), sample(4, 4)}));
  CHECK(ack["accepted"] == 1);
  CHECK(ack["duplicates"] == 2);
  const auto after = history(own, id);
  REQUIRE(after.size() == 4);
  CHECK(after[3]["offset"] == 4);
  CHECK(own.stop() == 0);
}

TEST_CASE("what a device declared is required of its telemetry") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const Json metrics = Json::parse(R"({
    "temperature":{"type":"number","unit":"Cel","minimum":-40,"maximum":125,"required":true},
    "count":{"type":"integer"}, "on":{"type":"boolean"},
    "mode":{"type":"string","enum":["eco","boost"]}, "note":{"type":"string","maxLength":3}})");
  device.ack(
      obj("type", "device.register", "capabilities", obj("metrics", metrics, "additional", false)));
  const auto problem = [&](Json::Object values, std::string_view path) {
    Json error = device.refused("invalid", obj("type", "telemetry", "metrics", std::move(values)));
    CHECK(error["fields"][0]["path"] == path);
    return error["fields"][0]["problem"].as_string();
  };
  const Json good = obj("temperature", 20, "count", 5, "on", true, "mode", "eco", "note", "äöü");
  device.ack(obj("type", "telemetry", "metrics", good));
  CHECK(problem({{"temperature", 412}}, "metrics.temperature") == "above the declared maximum 125");
  problem({{"temperature", -41}}, "metrics.temperature");
  problem({{"temperature", "hot"}}, "metrics.temperature");
  problem({{"count", 1}}, "metrics.temperature");
  problem({{"temperature", 1}, {"count", 1.5}}, "metrics.count");
  problem({{"temperature", 1}, {"on", 1}}, "metrics.on");
  problem({{"temperature", 1}, {"mode", "turbo"}}, "metrics.mode");
  problem({{"temperature", 1}, {"note", "long"}}, "metrics.note");
  problem({{"temperature", 1}, {"pressure", 1}}, "metrics.pressure");
  device.ack(obj("type", "telemetry", "metrics", obj("temperature", 125, "count", 5.0)));
  CHECK(history(hub(), id).size() == 2);
}
