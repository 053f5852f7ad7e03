#include <doctest/doctest.h>
#include <fmt/format.h>

#include <deque>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared({.settings = {"runtime.shards=3"}});
  return shared;
}

Json fleet_send(std::string_view prefix) {
  return obj("type", "fleet.send", "devices", arr(fmt::format("{}-*", prefix)), "name", "reboot");
}

Json result(const Json& command, std::string_view status = "executed") {
  return obj("type", "command.result", "command", command["command"], "status", status);
}

/// Connected devices of that prefix.
std::deque<WsClient> devices(const HubProcess& at, const std::string& prefix, int count) {
  std::deque<WsClient> all;
  for (int i = 0; i < count; ++i) all.push_back(at.device(fmt::format("{}-{}", prefix, i)));
  return all;
}

/// The last update of all, whatever came between.
Json end_of(WsClient& client) {
  return client.expect_until([](const Json& message) {
    return message["type"] == "fleet.update" && message["state"] != "running";
  });
}

}  // namespace

TEST_CASE("a fleet runs over WebSocket from its ack to its end") {
  const std::string prefix = unique("fleet");
  auto all = devices(hub(), prefix, 7);
  WsClient client = hub().client();
  const Json ack = client.ack(fleet_send(prefix).with("max_in_flight", 3));
  CHECK(ack["total"] == 7);
  for (WsClient& device : all) {
    const Json command = device.expect("command");
    CHECK(command["name"] == "reboot");
    device.ack(result(command));
  }
  const Json last = end_of(client);
  CHECK(last["fleet"] == ack["fleet"]);
  CHECK(last["executed"] == 7);
  CHECK(last["state"] == "done");
  const Json read = client.ack(obj("type", "fleet.get", "fleet", ack["fleet"]));
  CHECK(read.without("id").with("type", "fleet.update") == last);
  client.refused("conflict", obj("type", "fleet.cancel", "fleet", ack["fleet"]));
  client.refused("not_found", obj("type", "fleet.get", "fleet", "f-none"));
  client.refused("invalid", obj("type", "fleet.send", "devices", arr(), "name", "reboot"));
}

TEST_CASE("a fleet runs over HTTP, and its commands name it") {
  const std::string prefix = unique("fleet");
  auto all = devices(hub(), prefix, 2);
  const HttpClient http = hub().http();
  const Json body = fleet_send(prefix).without("type").with("stop_after_failures", 1);
  const HttpResponse made = http.post("/v1/fleet-commands", body.with("max_in_flight", 1));
  CHECK(made.status == 201);
  CHECK(made.json()["total"] == 2);
  CHECK(made.json()["waiting"] == 2);
  const std::string path = "/v1/fleet-commands/" + made.json()["fleet"].as_string();
  const Json command = all[0].expect("command");
  const Json kept = http.get("/v1/commands/" + command["command"].as_string()).json();
  CHECK(kept["fleet"] == made.json()["fleet"]);
  CHECK(http.get(path).json()["waiting"] == 1);
  all[0].ack(result(command, "failed"));
  // The answer to a cancellation waits for the end.
  const HttpResponse cancelled = http.post(path + "/cancel", obj());
  CHECK(cancelled.status == 200);
  CHECK(cancelled.json()["state"] == "stopped");
  CHECK(cancelled.json()["failed"] == 1);
  CHECK(cancelled.json()["waiting"] == 1);
  all[1].expect_nothing();
  CHECK(http.get("/v1/fleet-commands/f-none").status == 404);
  CHECK(http.post("/v1/fleet-commands", obj("name", "x")).status == 400);
  const HttpClient other = hub().http("another");
  CHECK(other.get(path).status == 404);
  CHECK(other.post(path + "/cancel", obj()).status == 404);
  const HttpClient reader = hub().http(Token::client("reader").scope("command:read"));
  CHECK(reader.get(path).status == 200);
  CHECK(reader.post("/v1/fleet-commands", body).status == 403);
}

TEST_CASE(
    "a hub that is killed in the middle of a fleet takes it up, one command for each device") {
  HubProcess own({.settings = {"runtime.shards=2", "limits.messages_per_second=100000",
                               "limits.burst=100000"}});
  Json fleet;
  std::deque<Json> delivered;
  {
    auto all = devices(own, "pump", 6);
    WsClient client = own.client();
    fleet = client.ack(fleet_send("pump").with("max_in_flight", 4).with("timeout_ms", 60'000));
    for (int i = 0; i < 4; ++i) {
      delivered.push_back(all[static_cast<std::size_t>(i)].expect("command"));
    }
    all[0].ack(result(delivered[0]));
    all[4].expect("command");
    own.kill();
  }
  own.start();
  // Its commands are for now, and wait for the devices all the same.
  auto all = devices(own, "pump", 6);
  for (std::size_t i = 1; i < 6; ++i) {
    const Json command = all[i].expect("command");
    if (i < 4) CHECK(command["command"] == delivered[i]["command"]);
    all[i].ack(result(command));
  }
  all[0].expect_nothing();
  WsClient client = own.client(Token::client("operator").may_do_all());
  const Json path = obj("type", "fleet.get", "fleet", fleet["fleet"]);
  Json now = client.ack(path);
  while (now["state"] == "running") now = client.ack(path);
  CHECK(now["state"] == "done");
  CHECK(now["executed"] == 6);
  CHECK(client.ack(fleet_send("pump").with("idempotency_key", "k"))["total"] == 6);
  own.restart();
  WsClient again = own.client(Token::client("operator").may_do_all());
  const Json same = again.ack(fleet_send("none").with("idempotency_key", "k"));
  CHECK(same["total"] == 6);
}
