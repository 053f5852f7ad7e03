#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

Json registered(Json members) { return members.with("type", "device.register"); }

Json device_of(const std::string& id) { return hub().http().get("/v1/devices/" + id).json(); }

std::set<std::string> ids(const Json::Array& devices) {
  std::set<std::string> out;
  for (const Json& device : devices) CHECK(out.insert(device["id"].as_string()).second);
  return out;
}

using Ids = std::set<std::string>;

}  // namespace

TEST_CASE("register sets what it names, keeps what it does not and clears with null") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const Json capabilities = obj("metrics", obj("t", obj("type", "number", "unit", "Cel")));
  const Json first = device.ack(registered(
      obj("name", "Boiler 7", "device_type", "boiler", "firmware", "1.0", "capabilities",
          capabilities, "metadata", obj("room", "B1", "tags", arr("hot", 1)))))["device"];
  CHECK(first["id"] == id);
  CHECK(first["name"] == "Boiler 7");
  CHECK(first["device_type"] == "boiler");
  CHECK(first["firmware"] == "1.0");
  CHECK(first["capabilities"] == capabilities);
  CHECK(first["metadata"] == obj("room", "B1", "tags", arr("hot", 1)));
  CHECK(first["connected"] == true);
  CHECK(first["session"] == 1);
  CHECK(first["disabled"] == false);
  CHECK(first["offset"] == 0);
  const Json second = device.ack(registered(obj("firmware", "1.1", "name", nullptr)))["device"];
  CHECK(second["name"].is_null());
  CHECK(second["firmware"] == "1.1");
  CHECK(second["device_type"] == "boiler");
  CHECK(second["metadata"] == first["metadata"]);
  CHECK(second["created_at"] == first["created_at"]);
  CHECK(second["updated_at"].as_int() >= first["updated_at"].as_int());
  CHECK(device_of(id).without("last_seen") == second.without("last_seen"));
  const Json third =
      device.ack(registered(obj("capabilities", nullptr, "metadata", nullptr)))["device"];
  CHECK(third["capabilities"].is_null());
  CHECK(third["metadata"].is_null());
}

TEST_CASE("a register or a status that makes no sense is invalid and changes nothing") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  device.ack(registered(obj("name", "Before")));
  const auto path = [&](const Json& message) {
    return device.refused("invalid", message)["fields"][0]["path"].as_string();
  };
  CHECK(path(registered(obj("name", 5))) == "name");
  CHECK(path(registered(obj("name", "After", "metadata", arr()))) == "metadata");
  CHECK(path(registered(obj("capabilities", 1))) == "capabilities");
  const auto metric = [](Json value) {
    return registered(obj("capabilities", obj("metrics", obj("t", std::move(value)))));
  };
  CHECK(path(metric(obj("type", "float"))).starts_with("capabilities.metrics.t"));
  CHECK(path(metric(obj("type", "number", "minimum", 5, "maximum", 1)))
            .starts_with("capabilities.metrics.t"));
  CHECK(path(metric(obj("type", "string", "enum", arr()))).starts_with("capabilities.metrics.t"));
  CHECK(path(obj("type", "device.status")) == "status");
  CHECK(path(obj("type", "device.status", "status", "fine")) == "status");
  CHECK(path(obj("type", "device.status", "status", "ok", "detail", 5)) == "detail");
  CHECK(device_of(id)["name"] == "Before");
  CHECK(device_of(id)["capabilities"].is_null());
}

TEST_CASE("a declaration that cannot be used is invalid, with its path, however it comes") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  const Json before = device_of(id);
  const auto http = hub().http();
  const auto path = [](const Json& error) { return error["fields"][0]["path"].as_string(); };
  const auto refused = [&](const Json& capabilities) {
    const std::string told =
        path(device.refused("invalid", registered(obj("capabilities", capabilities))));
    for (const char* method : {"PUT", "PATCH"}) {
      const Json body = obj("capabilities", capabilities);
      const auto answer = http.request(method, "/v1/devices/" + id, body.dump());
      CHECK(answer.status == 400);
      CHECK(path(answer.json()) == told);
    }
    const std::string other = "/v1/devices/" + unique("new");
    CHECK(http.put(other, obj("capabilities", capabilities)).status == 400);
    CHECK(http.get(other).status == 404);
    return told;
  };
  const auto metric = [&](Json rules) {
    return refused(obj("metrics", obj("t", obj("type", "number"), "x", std::move(rules))));
  };
  CHECK(metric(obj("type", "float")) == "capabilities.metrics.x.type");
  CHECK(metric(obj("type", "number", "minimum", 5, "maximum", 1)) ==
        "capabilities.metrics.x.minimum");
  CHECK(metric(obj("type", "integer", "enum", arr(1, "2"))) == "capabilities.metrics.x.enum[1]");
  CHECK(metric(obj("type", "number", "maxLength", 5)) == "capabilities.metrics.x.maxLength");
  const auto command = [&](Json schema) {
    return refused(obj("commands", obj("set_target", obj("params", std::move(schema)))));
  };
  const std::string params = "capabilities.commands.set_target.params";
  CHECK(command(5) == params);
  CHECK(command(obj("type", "float")) == params + ".type");
  CHECK(command(obj("properties", obj("celsius", obj("minimum", "low")))) ==
        params + ".properties.celsius.minimum");
  CHECK(command(obj("properties", obj("name", obj("pattern", "(")))) ==
        params + ".properties.name.pattern");
  CHECK(device_of(id).without("last_seen") == before.without("last_seen"));
}

TEST_CASE("a status is kept with its detail") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  CHECK(device_of(id)["status"].is_null());
  device.ack(obj("type", "device.status", "status", "error", "detail", "no water"));
  CHECK(device_of(id)["status"] == "error");
  CHECK(device_of(id)["status_detail"] == "no water");
  device.ack(obj("type", "device.status", "status", "maintenance"));
  CHECK(device_of(id)["status"] == "maintenance");
  CHECK(device_of(id)["status_detail"].is_null());
}

TEST_CASE("the first connection, register or PUT makes the device known, later ones change it") {
  const std::string tenant = unique("tenant");
  WsClient client = hub().client(tenant);
  client.ack(obj("type", "subscribe", "devices", arr("*"), "events", arr("device")));
  WsClient device = hub().device("a", tenant);
  CHECK(client.expect("device.registered")["device"]["id"] == "a");
  device.ack(registered(obj("name", "A")));
  const Json updated = client.expect("device.updated")["device"];
  CHECK(updated["name"] == "A");
  CHECK(updated["id"] == "a");
  device.close();
  device = hub().device("a", tenant);
  const auto http = hub().http(tenant);
  CHECK(http.put("/v1/devices/b", obj("name", "B")).status == 201);
  CHECK(client.expect("device.registered")["device"]["name"] == "B");
  CHECK(http.patch("/v1/devices/b", obj("firmware", "2")).status == 200);
  CHECK(client.expect("device.updated")["device"]["firmware"] == "2");
  CHECK(http.del("/v1/devices/b").status == 204);
  CHECK(client.expect("device.deleted")["device"]["id"] == "b");
}

TEST_CASE("PUT replaces and tells whether it created") {
  const std::string id = unique("pump");
  const auto http = hub().http();
  const auto created = http.put("/v1/devices/" + id, obj("name", "P", "metadata", obj("a", 1)));
  CHECK(created.status == 201);
  CHECK(created.json()["id"] == id);
  CHECK(created.json()["connected"] == false);
  CHECK(created.json()["session"] == 0);
  CHECK(created.json()["last_seen"].is_null());
  const auto replaced = http.put("/v1/devices/" + id, obj("device_type", "pump", "id", "ignored"));
  CHECK(replaced.status == 200);
  const Json device = device_of(id);
  CHECK(device["id"] == id);
  CHECK(device["name"].is_null());
  CHECK(device["metadata"].is_null());
  CHECK(device["device_type"] == "pump");
  CHECK(http.put("/v1/devices/" + id, obj("name", 5)).status == 400);
  CHECK(http.put("/v1/devices/a%20b", obj()).status == 400);
  CHECK(http.put("/v1/devices/" + std::string(129, 'x'), obj()).status == 400);
}

TEST_CASE("PATCH merges at the first level only") {
  const std::string id = unique("pump");
  const auto http = hub().http();
  CHECK(http.patch("/v1/devices/" + id, obj("name", "x")).status == 404);
  http.put("/v1/devices/" + id, obj("name", "P", "firmware", "1", "metadata", obj("a", 1, "b", 2)));
  const auto patched =
      http.patch("/v1/devices/" + id, obj("metadata", obj("c", 3), "firmware", nullptr));
  CHECK(patched.status == 200);
  CHECK(patched.json()["name"] == "P");
  CHECK(patched.json()["firmware"].is_null());
  CHECK(patched.json()["metadata"] == obj("c", 3));
  CHECK(http.patch("/v1/devices/" + id, arr()).status == 400);
  CHECK(http.patch("/v1/devices/" + id, obj("disabled", "yes")).status == 400);
  CHECK(device_of(id) == patched.json());
}

TEST_CASE("disabling a device cuts it off, and enabling lets it in again") {
  const std::string id = unique("pump");
  WsClient device = hub().device(id);
  WsClient client = hub().client();
  client.ack(obj("type", "subscribe", "devices", arr(id), "events", arr("presence")));
  const auto http = hub().http();
  CHECK(http.patch("/v1/devices/" + id, obj("disabled", true)).status == 200);
  device.expect_error("forbidden");
  device.expect_close(4403);
  CHECK(client.expect("presence")["connected"] == false);
  CHECK(device_of(id)["disabled"] == true);
  CHECK(upgrade(hub().port(), {.token = hub().sign(Token::device(id))}).status == 403);
  CHECK(http.patch("/v1/devices/" + id, obj("disabled", false)).status == 200);
  hub().device(id);
}

TEST_CASE("DELETE takes the device, its telemetry and its commands, and closes it") {
  const std::string id = unique("pump");
  WsClient device = hub().device(id);
  device.ack(obj("type", "telemetry", "seq", 5, "epoch", "e", "metrics", obj("n", 1)));
  WsClient client = hub().client();
  const Json key = client.ack(obj("type", "command.send", "device", id, "name", "x"))["command"];
  const auto http = hub().http();
  CHECK(http.del("/v1/devices/" + id).status == 204);
  device.expect_close(4403);
  CHECK(http.get("/v1/devices/" + id).status == 404);
  CHECK(http.get("/v1/devices/" + id + "/telemetry").status == 404);
  CHECK(http.get("/v1/commands/" + key.as_string()).status == 404);
  CHECK(http.del("/v1/devices/" + id).status == 404);
  // One of the same id is another device.
  WsClient anew(hub().port(), {.token = hub().sign(Token::device(id))});
  CHECK(anew.expect("welcome")["telemetry"] == obj("epoch", nullptr, "last_seq", 0));
  CHECK(anew.ack(obj("type", "telemetry", "seq", 1, "metrics", obj("n", 2)))["accepted"] == 1);
  const auto rows = http.list("/v1/devices/" + id + "/telemetry");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["offset"] == 1);
  CHECK(http.list("/v1/devices/" + id + "/commands").empty());
}

TEST_CASE("the list of devices is filtered and comes in pages") {
  const std::string tenant = unique("tenant");
  const auto http = hub().http(tenant);
  Ids all;
  for (int i = 0; i < 25; ++i) {
    const std::string id = fmt::format("{}-{:02}", i % 2 == 0 ? "even" : "odd", i);
    REQUIRE(
        http.put("/v1/devices/" + id, obj("device_type", i % 5 == 0 ? "five" : "other")).status ==
        201);
    all.insert(id);
  }
  WsClient on = hub().device("even-00", tenant);
  on.ack(obj("type", "device.status", "status", "warning"));
  WsClient also = hub().device("odd-01", tenant);
  for (const int limit : {1, 7, 25, 1000}) CHECK(ids(http.list("/v1/devices", limit)) == all);
  CHECK(ids(http.list("/v1/devices?connected=true", 1)) == Ids{"even-00", "odd-01"});
  CHECK(http.list("/v1/devices?connected=false", 4).size() == 23);
  CHECK(ids(http.list("/v1/devices?device_type=five", 2)) ==
        Ids{"even-00", "odd-05", "even-10", "odd-15", "even-20"});
  CHECK(ids(http.list("/v1/devices?status=warning")) == Ids{"even-00"});
  CHECK(http.list("/v1/devices?prefix=odd-", 3).size() == 12);
  CHECK(ids(http.list("/v1/devices?prefix=even-&connected=true")) == Ids{"even-00"});
  CHECK(http.list("/v1/devices?prefix=none").empty());
  for (const char* bad : {"connected=maybe", "status=fine", "limit=0", "cursor=x%20y"}) {
    CAPTURE(bad);
    CHECK(http.get(std::string("/v1/devices?") + bad).status == 400);
  }
}

TEST_CASE("the registry is there for those who may read or write it, of their tenant and claim") {
  const std::string id = unique("pump");
  REQUIRE(hub().http().put("/v1/devices/" + id, obj()).status == 201);
  const std::string target = "/v1/devices/" + id;
  CHECK(hub().anonymous().get(target).status == 401);
  CHECK(hub().http("other").get(target).status == 404);
  const auto reader = hub().http(Token::client("r").scope("device:read"));
  CHECK(reader.get(target).status == 200);
  CHECK(reader.put(target, obj()).status == 403);
  CHECK(reader.patch(target, obj()).status == 403);
  CHECK(reader.del(target).status == 403);
  const Token narrow = Token::client("n").may_do_all().devices(arr("boiler-*"));
  CHECK(hub().http(narrow).get(target).status == 404);
  CHECK(hub().http(narrow).del(target).status == 404);
  CHECK(hub().http(narrow).put("/v1/devices/" + unique("pump"), obj()).status == 404);
  for (const Json& device : hub().http(narrow).list("/v1/devices")) {
    CHECK(device["id"].as_string().starts_with("boiler-"));
  }
  CHECK(hub().http(Token::device(id)).get(target).status == 403);
}

TEST_CASE("the registry survives a kill") {
  HubProcess own;
  WsClient device = own.device("boiler");
  const Json before = device.ack(registered(obj("name", "B", "metadata", obj("x", 1.5))))["device"];
  device.ack(obj("type", "device.status", "status", "ok"));
  own.restart();
  const Json after = own.http().get("/v1/devices/boiler").json();
  CHECK(after["name"] == "B");
  CHECK(after["metadata"] == before["metadata"]);
  CHECK(after["created_at"] == before["created_at"]);
  CHECK(after["status"] == "ok");
  CHECK(after["connected"] == false);
  CHECK(after["session"] == 1);
  WsClient again = own.device("boiler");
  CHECK(own.http().get("/v1/devices/boiler").json()["session"] == 2);
}

TEST_CASE("deleting a device that streams ends its connection and disturbs nobody else") {
  const std::string id = unique("pump");
  for (int round = 0; round < 5; ++round) {
    WsClient device = hub().device(id);
    WsClient other = hub().device(unique("other"));
    for (int seq = 1; seq <= 100; ++seq) {
      device.send(obj("type", "telemetry", "seq", seq, "metrics", obj("n", seq)));
      other.send(obj("type", "telemetry", "id", seq, "seq", seq, "metrics", obj("n", seq)));
    }
    CHECK(hub().http().del("/v1/devices/" + id).status == 204);
    for (int seq = 1; seq <= 100; ++seq) CHECK(other.expect("ack")["last_seq"] == seq);
    const Json gone = device.expect_error("forbidden");
    CHECK(gone["message"].as_string().find("deleted") != std::string::npos);
    device.expect_close(4403);
    CHECK(hub().http().get("/v1/devices/" + id).status == 404);
  }
}
