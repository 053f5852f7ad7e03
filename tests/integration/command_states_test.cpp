// A hub that is killed with commands in every state.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/hub_process.h"
#include "support/postgres.h"

using namespace fairlead::support;

namespace {

using Commands = std::map<std::string, Json>;

Json result(const Json& command, std::string_view status, int value) {
  return obj("type", "command.result", "command", command, "status", status, "result", value);
}

Json send_to(std::string_view device) {
  return obj("type", "command.send", "device", device, "name", "move", "delivery", "queue",
             "params", obj("x", 1), "timeout_ms", 600'000);
}

/// The command as HTTP shows it.
Json read(const HubProcess& hub, const Json& command) {
  const HttpResponse response = hub.http().get("/v1/commands/" + command.as_string());
  REQUIRE(response.status == 200);
  return response.json();
}

/// One command in each state, by name; `late` is one that expired and was answered then.
Commands in_every_state(WsClient& client, WsClient& device) {
  Commands all;
  const auto send = [&](const std::string& name, const Json& message) {
    all[name] = client.ack(message)["command"];
    CHECK(device.expect("command")["command"] == all[name]);
  };
  const auto wait_for = [&](const std::string& name, std::string_view status) {
    client.expect_until([&](const Json& update) {
      return update["command"] == all[name] && update["status"] == status;
    });
  };
  for (const char* name : {"delivered", "accepted", "executed", "failed", "cancelled"}) {
    send(name, send_to("arm"));
    wait_for(name, "delivered");
  }
  for (const char* name : {"expired", "late"}) {
    send(name, send_to("arm").with("timeout_ms", 100));
    wait_for(name, "expired");
  }
  device.ack(obj("type", "command.accept", "command", all["accepted"]));
  device.ack(result(all["executed"], "executed", 1));
  device.ack(result(all["failed"], "failed", 2));
  device.ack(result(all["late"], "executed", 3));
  client.ack(obj("type", "command.cancel", "command", all["cancelled"]));
  all["pending"] = client.ack(send_to("away"))["command"];
  return all;
}

void survive_a_kill(HubProcess& hub) {
  REQUIRE(hub.http().put("/v1/devices/away", obj()).status == 201);
  Commands ids;
  Commands before;
  {
    WsClient device = hub.device("arm");
    WsClient client = hub.client();
    ids = in_every_state(client, device);
    for (const auto& [name, id] : ids) before[name] = read(hub, id);
    hub.kill();
  }
  hub.start();
  for (const auto& [name, id] : ids) {
    CAPTURE(name);
    const std::string status = name == "late" ? "expired" : name;
    CHECK(before[name]["status"] == status);
    CHECK(read(hub, id) == before[name]);
  }
  WsClient device = hub.device("arm");
  for (const char* name : {"delivered", "accepted"}) {
    const Json again = device.expect("command");
    CHECK(again["command"] == ids[name]);
    CHECK(again["attempt"] == 2);
    CHECK(again["params"] == before[name]["params"]);
    device.ack(result(ids[name], "executed", 4));
    CHECK(read(hub, ids[name])["status"] == "executed");
  }
  device.expect_nothing();
  // What had ended stays as it was: an equal answer is acked, another one is not.
  device.ack(result(ids["executed"], "executed", 1));
  device.refused("conflict", result(ids["executed"], "executed", 5));
  device.refused("conflict", result(ids["late"], "executed", 5));
  device.ack(result(ids["cancelled"], "executed", 6));
  CHECK(read(hub, ids["cancelled"])["late_result"]["result"] == 6);
  WsClient away = hub.device("away");
  CHECK(away.expect("command")["command"] == ids["pending"]);
  away.ack(result(ids["pending"], "executed", 7));
  CHECK(read(hub, ids["pending"])["status"] == "executed");
}

}  // namespace

TEST_CASE("commands in every state survive a kill -9 on SQLite") {
  HubProcess hub;
  survive_a_kill(hub);
}

TEST_CASE("commands in every state survive a kill -9 on PostgreSQL") {
  const PostgresDatabase database;
  HubProcess hub({.settings = {"store.url=" + database.url(), "store.auto_migrate=true"}});
  survive_a_kill(hub);
}
