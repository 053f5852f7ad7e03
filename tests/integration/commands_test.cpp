#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

using Statuses = std::vector<std::string>;

Json send(std::string_view device, std::string_view name = "set_target") {
  return obj("type", "command.send", "device", device, "name", name);
}

Json result(const Json& command, std::string_view status = "executed") {
  return obj("type", "command.result", "command", command, "status", status);
}

Json accept(const Json& command) { return obj("type", "command.accept", "command", command); }

/// The statuses told of a command, up to and with the last one.
Statuses updates(WsClient& client, const Json& command, std::string_view last) {
  Statuses seen;
  while (seen.empty() || seen.back() != last) {
    const Json update = client.expect("command.update");
    if (update["command"] == command) seen.push_back(update["status"].as_string());
  }
  return seen;
}

Json get(WsClient& client, const Json& command) {
  return client.ack(obj("type", "command.get", "command", command))["command"];
}

Statuses history(const Json& command) {
  Statuses seen;
  std::int64_t at = 0;
  for (const Json& entry : command["history"].items()) {
    CHECK(entry["at"].as_int() >= at);
    at = entry["at"].as_int();
    seen.push_back(entry["status"].as_string());
  }
  return seen;
}

}  // namespace

TEST_CASE("a command goes to its device, and each of its states back to who sent it") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client(Token::client("operator").may_do_all());
  const std::int64_t before = now_ms();
  const Json ack =
      client.ack(send(id).with("params", obj("celsius", 21)).with("timeout_ms", 60000));
  const Json& key = ack["command"];
  CHECK(key.as_string().starts_with("k-"));
  CHECK((ack["status"] == "pending" || ack["status"] == "delivered"));
  const Json command = device.expect("command");
  CHECK(command["command"] == key);
  CHECK(command["name"] == "set_target");
  CHECK(command["params"] == obj("celsius", 21));
  CHECK(command["issued_at"].as_int() >= before);
  CHECK(command["expires_at"].as_int() == command["issued_at"].as_int() + 60000);
  CHECK(command["attempt"] == 1);
  device.ack(accept(key));
  device.ack(result(key).with("result", obj("reached", true)));
  CHECK(updates(client, key, "accepted") == Statuses{"pending", "delivered", "accepted"});
  const Json last = client.expect("command.update");
  CHECK(last["device"] == id);
  CHECK(last["name"] == "set_target");
  CHECK(last["status"] == "executed");
  CHECK(last["result"] == obj("reached", true));
  CHECK(last["error"].is_null());
  CHECK(last["at"].as_int() >= before);
  const Json kept = get(client, key);
  CHECK(history(kept) == Statuses{"pending", "delivered", "accepted", "executed"});
  CHECK(kept["command"] == key);
  CHECK(kept["device"] == id);
  CHECK(kept["params"] == obj("celsius", 21));
  CHECK(kept["status"] == "executed");
  CHECK(kept["result"] == obj("reached", true));
  CHECK(kept["late_result"].is_null());
  CHECK(kept["delivery"] == "now");
  CHECK(kept["issued_by"] == "operator");
  CHECK(kept["attempt"] == 1);
  CHECK(kept["fleet"].is_null());
}

TEST_CASE("a device may answer without accepting, and may fail") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  const Json key = client.ack(send(id))["command"];
  CHECK(!device.expect("command")["params"]["x"].exists());
  const Json error = obj("code", "stuck", "message", "the valve does not move");
  device.refused("invalid", result(key, "failed").with("error", obj("code", 5)));
  device.refused("invalid", result(key, "done"));
  device.ack(result(key, "failed").with("error", error));
  CHECK(updates(client, key, "failed") == Statuses{"pending", "delivered", "failed"});
  CHECK(get(client, key)["error"] == error);
  CHECK(get(client, key)["status"] == "failed");
}

TEST_CASE("a second result is acked when it is equal and a conflict when it is not") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  const Json key = client.ack(send(id))["command"];
  device.expect("command");
  device.ack(accept(key));
  device.ack(accept(key));
  device.ack(result(key).with("result", obj("a", 1, "b", arr(1, 2))));
  device.send_text(fmt::format(R"({{"type":"command.result","id":"x","command":{},)"
                               R"("status":"executed","result":{{"b":[1.0,2],"a":1}}}})",
                               key.dump()));
  CHECK(device.expect("ack")["id"] == "x");
  device.refused("conflict", result(key).with("result", obj("a", 2, "b", arr(1, 2))));
  device.refused("conflict", result(key, "failed").with("error", obj("code", "x", "message", "y")));
  device.refused("conflict", accept(key));
  CHECK(updates(client, key, "executed") ==
        Statuses{"pending", "delivered", "accepted", "executed"});
  client.expect_nothing();
}

TEST_CASE("a command of another device or of nobody is not found") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient other = hub().device(unique("boiler"));
  WsClient client = hub().client();
  const Json key = client.ack(send(id))["command"];
  device.expect("command");
  other.refused("not_found", result(key));
  other.refused("not_found", accept(key));
  device.refused("not_found", result("k-nobody"));
  client.refused("not_found", obj("type", "command.get", "command", "k-nobody"));
  client.refused("not_found", obj("type", "command.cancel", "command", "k-nobody"));
  client.refused("not_found", send(unique("nobody")));
  WsClient stranger = hub().client(unique("tenant"));
  stranger.refused("not_found", obj("type", "command.get", "command", key));
  stranger.refused("not_found", send(id));
  const Token narrow = Token::client("narrow").may_do_all().devices(arr("pump-*"));
  WsClient outside = hub().client(narrow);
  outside.refused("not_found", send(id));
  outside.refused("not_found", obj("type", "command.get", "command", key));
  outside.refused("not_found", obj("type", "command.cancel", "command", key));
}

TEST_CASE("now to a device that is offline is refused and recorded as failed") {
  const std::string id = unique("boiler");
  const auto http = hub().http();
  REQUIRE(http.put("/v1/devices/" + id, obj()).status == 201);
  WsClient client = hub().client();
  client.refused("device_offline", send(id));
  const auto commands = http.list("/v1/devices/" + id + "/commands");
  REQUIRE(commands.size() == 1);
  CHECK(commands[0]["status"] == "failed");
  CHECK(commands[0]["error"]["code"] == "device_offline");
}

TEST_CASE("queued commands wait for their device and come in the order accepted") {
  const std::string id = unique("boiler");
  REQUIRE(hub().http().put("/v1/devices/" + id, obj()).status == 201);
  WsClient client = hub().client();
  std::vector<Json> keys;
  for (int i = 0; i < 5; ++i) {
    const Json ack = client.ack(
        send(id).with("params", obj("i", i)).with("delivery", "queue").with("timeout_ms", 60000));
    CHECK(ack["status"] == "pending");
    keys.push_back(ack["command"]);
  }
  WsClient device = hub().device(id);
  for (const Json& key : keys) {
    const Json command = device.expect("command");
    CHECK(command["command"] == key);
    CHECK(command["attempt"] == 1);
  }
  device.ack(result(keys[0]));
  CHECK(updates(client, keys[0], "executed") == Statuses{"pending", "delivered", "executed"});
}

TEST_CASE("without a result in time a command expires, and a late result is kept beside that") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  const Json key = client.ack(send(id).with("timeout_ms", 100))["command"];
  device.expect("command");
  CHECK(updates(client, key, "expired") == Statuses{"pending", "delivered", "expired"});
  device.ack(result(key).with("result", 7));
  const Json late = client.expect("command.update");
  CHECK(late["status"] == "expired");
  CHECK(late["late"] == true);
  const Json kept = get(client, key);
  CHECK(kept["status"] == "expired");
  CHECK(kept["result"].is_null());
  CHECK(kept["late_result"]["status"] == "executed");
  CHECK(kept["late_result"]["result"] == 7);
  CHECK(kept["late_result"]["at"].as_int() > 0);
}

TEST_CASE("a queued command expires though its device never comes") {
  const std::string id = unique("boiler");
  REQUIRE(hub().http().put("/v1/devices/" + id, obj()).status == 201);
  WsClient client = hub().client();
  const Json key =
      client.ack(send(id).with("delivery", "queue").with("timeout_ms", 100))["command"];
  CHECK(updates(client, key, "expired") == Statuses{"pending", "expired"});
  WsClient device = hub().device(id);
  device.expect_nothing();
}

TEST_CASE("a cancelled command is over for its sender, and the device is not told") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  const Json key = client.ack(send(id))["command"];
  device.expect("command");
  const Json cancel = obj("type", "command.cancel", "command", key);
  CHECK(client.ack(cancel)["status"] == "cancelled");
  CHECK(updates(client, key, "cancelled") == Statuses{"pending", "delivered", "cancelled"});
  device.expect_nothing();
  client.refused("conflict", cancel);
  device.ack(result(key));
  CHECK(client.expect("command.update")["late"] == true);
  CHECK(get(client, key)["status"] == "cancelled");
}

TEST_CASE("what a device declared is required of its commands") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const Json schema = Json::parse(R"({"type":"object","required":["celsius"],
      "properties":{"celsius":{"type":"number","minimum":5,"maximum":30}}})");
  device.ack(obj("type", "device.register", "capabilities",
                 obj("commands", obj("set_target", obj("params", schema), "stop", obj()))));
  WsClient client = hub().client();
  client.refused("invalid", send(id, "explode"));
  client.refused("invalid", send(id));
  const Json error = client.refused("invalid", send(id).with("params", obj("celsius", 31)));
  CHECK(error["fields"][0]["path"].as_string().starts_with("params"));
  client.refused("invalid", send(id).with("params", obj("celsius", "hot")));
  device.expect_nothing();
  client.ack(send(id).with("params", obj("celsius", 30)));
  client.ack(send(id, "stop"));
  CHECK(device.expect("command")["name"] == "set_target");
  CHECK(device.expect("command")["name"] == "stop");
}

TEST_CASE("a command.send that makes no sense is invalid and says where") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  const auto path = [&](const Json& message) {
    return client.refused("invalid", message)["fields"][0]["path"];
  };
  CHECK(path(send(id).without("device")) == "device");
  CHECK(path(send("a b")) == "device");
  CHECK(path(send(id).without("name")) == "name");
  CHECK(path(send(id, "")) == "name");
  CHECK(path(send(id).with("timeout_ms", 99)) == "timeout_ms");
  CHECK(path(send(id).with("timeout_ms", 86'400'001)) == "timeout_ms");
  CHECK(path(send(id).with("delivery", "later")) == "delivery");
  CHECK(path(send(id).with("idempotency_key", 5)) == "idempotency_key");
  device.expect_nothing();
}

TEST_CASE("a device has a bounded number of unfinished commands") {
  const HubProcess own({.settings = {"limits.queued_commands_per_device=2"}});
  WsClient device = own.device("boiler");
  WsClient client = own.client();
  const Json first = client.ack(send("boiler"))["command"];
  client.ack(send("boiler").with("delivery", "queue"));
  client.refused("queue_full", send("boiler"));
  device.ack(result(first));
  client.ack(send("boiler"));
  client.refused("queue_full", send("boiler"));
}

TEST_CASE("a delivered command without a result comes again with attempt raised") {
  HubProcess own;
  WsClient client = own.client();
  WsClient device = own.device("boiler");
  const Json key = client.ack(send("boiler").with("timeout_ms", 600'000))["command"];
  CHECK(device.expect("command")["attempt"] == 1);
  device.socket().reset();
  WsClient again = own.device("boiler");
  const Json second = again.expect("command");
  CHECK(second["command"] == key);
  CHECK(second["attempt"] == 2);
  again.ack(accept(key));
  own.restart();
  WsClient after = own.device("boiler");
  const Json third = after.expect("command");
  CHECK(third["command"] == key);
  CHECK(third["attempt"] == 3);
  after.ack(result(key));
  WsClient reader = own.client();
  const Json kept = get(reader, key);
  CHECK(kept["status"] == "executed");
  CHECK(kept["attempt"] == 3);
  WsClient done = own.device("boiler");
  done.expect_nothing();
}

TEST_CASE("the same idempotency key of the same principal is the same command") {
  HubProcess own;
  WsClient device = own.device("boiler");
  WsClient client = own.client(Token::client("a").may_do_all());
  const Json keyed = send("boiler").with("idempotency_key", "once").with("timeout_ms", 600'000);
  client.refused("invalid", keyed.with("timeout_ms", 1));  // No command, so no key either.
  const Json key = client.ack(keyed)["command"];
  const Json again = client.ack(keyed.with("name", "other"));
  CHECK(again["command"] == key);
  device.expect("command");
  device.expect_nothing();
  device.ack(result(key));
  CHECK(client.ack(keyed)["status"] == "executed");
  CHECK(client.ack(keyed.with("idempotency_key", "twice"))["command"] != key);
  WsClient other = own.client(Token::client("b").may_do_all());
  CHECK(other.ack(keyed)["command"] != key);
  own.restart();
  WsClient later = own.client(Token::client("a").may_do_all());
  CHECK(later.ack(keyed)["command"] == key);
}

TEST_CASE("subscribers of command see the updates of their devices") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient watcher = hub().client(Token::client("watcher").scope("command:read"));
  watcher.ack(obj("type", "subscribe", "devices", arr(id), "events", arr("command")));
  WsClient blind = hub().client();
  blind.ack(obj("type", "subscribe", "devices", arr(id), "events", arr("telemetry")));
  WsClient client = hub().client();
  const Json key = client.ack(send(id))["command"];
  device.expect("command");
  device.ack(result(key));
  CHECK(updates(watcher, key, "executed") == Statuses{"pending", "delivered", "executed"});
  CHECK(updates(client, key, "executed") == Statuses{"pending", "delivered", "executed"});
  blind.expect_nothing();
}

TEST_CASE("over HTTP a command is created, listed, read and cancelled") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const auto http = hub().http();
  const std::string target = "/v1/devices/" + id + "/commands";
  WsClient watcher = hub().client();
  watcher.ack(obj("type", "subscribe", "devices", arr(id), "events", arr("command")));
  const auto created = http.post(target, obj("name", "stop", "timeout_ms", 60000));
  CHECK(created.status == 201);
  const std::string key = created.json()["command"].as_string();
  CHECK(device.expect("command")["command"] == key);
  // The device may be quicker than the commit of its delivery, the event is not.
  CHECK(updates(watcher, key, "delivered") == Statuses{"pending", "delivered"});
  const Json read = http.get("/v1/commands/" + key).json();
  CHECK(read["status"] == "delivered");
  CHECK(read["command"] == key);
  CHECK(http.list(target).size() == 1);
  CHECK(http.list(target + "?status=delivered").size() == 1);
  CHECK(http.list(target + "?status=executed").empty());
  CHECK(http.get(target + "?status=odd").status == 400);
  const auto cancelled = http.post("/v1/commands/" + key + "/cancel", obj());
  CHECK(cancelled.status == 200);
  CHECK(cancelled.json()["status"] == "cancelled");
  const auto conflict = http.post("/v1/commands/" + key + "/cancel", obj());
  CHECK(conflict.status == 409);
  CHECK(conflict.json()["code"] == "conflict");
  CHECK(http.get("/v1/commands/k-nobody").status == 404);
  CHECK(hub().http("other").get("/v1/commands/" + key).status == 404);
  CHECK(http.post("/v1/devices/" + unique("nobody") + "/commands", obj("name", "x")).status == 404);
  CHECK(http.post(target, obj("name", 5)).status == 400);
  CHECK(
      hub().http(Token::client("x").scope("command:read")).post(target, obj("name", "x")).status ==
      403);
  device.close();
}

TEST_CASE("wait_ms answers with the final state when it comes in time") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const auto http = hub().http();
  const std::string target = "/v1/devices/" + id + "/commands";
  HttpConnection connection(hub().port());
  const std::string body = R"({"name":"measure","timeout_ms":60000})";
  connection.send(
      fmt::format("POST {}?wait_ms=60000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}"
                  "\r\nContent-Length: {}\r\n\r\n{}",
                  target, hub().sign(Token::client("waits").may_do_all()), body.size(), body));
  const Json key = device.expect("command")["command"];
  device.ack(result(key).with("result", obj("value", 4)));
  const HttpResponse answer = connection.receive();
  CHECK(answer.status == 201);
  CHECK(answer.json()["status"] == "executed");
  CHECK(answer.json()["result"] == obj("value", 4));
  const auto early = http.post(target + "?wait_ms=50", obj("name", "measure"));
  CHECK(early.status == 201);
  // As it stands at that moment: its delivery may not be committed yet.
  CHECK((early.json()["status"] == "delivered" || early.json()["status"] == "pending"));
  CHECK(http.post(target + "?wait_ms=60001", obj("name", "measure")).status == 400);
  CHECK(http.post(target + "?wait_ms=x", obj("name", "measure")).status == 400);
}

TEST_CASE("an offline device, a full queue and a bad name are told over HTTP by their status") {
  const std::string id = unique("boiler");
  const auto http = hub().http();
  REQUIRE(http.put("/v1/devices/" + id, obj()).status == 201);
  const auto offline = http.post("/v1/devices/" + id + "/commands", obj("name", "x"));
  CHECK(offline.status == 409);
  CHECK(offline.json()["code"] == "device_offline");
  const HubProcess own({.settings = {"limits.queued_commands_per_device=1"}});
  const auto direct = own.http();
  REQUIRE(direct.put("/v1/devices/d", obj()).status == 201);
  const Json queued = obj("name", "x", "delivery", "queue");
  CHECK(direct.post("/v1/devices/d/commands", queued).status == 201);
  const auto full = direct.post("/v1/devices/d/commands", queued);
  CHECK(full.status == 409);
  CHECK(full.json()["code"] == "queue_full");
}

TEST_CASE("the key of a command that failed for want of a connection returns that command") {
  const std::string id = unique("boiler");
  REQUIRE(hub().http().put("/v1/devices/" + id, obj()).status == 201);
  WsClient client = hub().client();
  const Json request = send(id).with("idempotency_key", unique("key"));
  client.send(request.with("id", "first"));
  client.expect_until([](const Json& message) {
    return message["type"] == "error" && message["code"] == "device_offline";
  });
  const Json again = client.ack(request);
  CHECK(again["status"] == "failed");
  CHECK(get(client, again["command"])["status"] == "failed");
}
