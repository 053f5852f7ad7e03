// Every operation of docs/authorization.md with every lack, against the real hub.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <map>
#include <sstream>
#include <vector>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

/// What became of an attempt: this, an error's code, or that the device was left out.
const std::string kDone = "done";
const std::string kLeftOut = "left out";

/// One shard: what a device was acked for has been told to who watches.
HubProcess& hub() {
  static HubProcess shared(
      {.settings = {"runtime.shards=1", "limits.burst=100000", "limits.fleets_per_tenant=1000"}});
  return shared;
}

struct Row {
  std::string name;
  std::string who;
  std::string scope;
  std::string outside;
};

std::string without(std::string text, std::string_view letters) {
  std::erase_if(text, [letters](char c) { return letters.find(c) != std::string_view::npos; });
  return text;
}

std::vector<Row> documented_rows() {
  std::vector<Row> rows;
  std::istringstream page(read_file(source_dir() / "docs/authorization.md"));
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream parts(without(line, "`").substr(1));
    for (std::string cell; std::getline(parts, cell, '|');) {
      const std::size_t begin = cell.find_first_not_of(' ');
      cells.push_back(begin == std::string::npos
                          ? ""
                          : cell.substr(begin, cell.find_last_not_of(' ') - begin + 1));
    }
    REQUIRE(cells.size() == 5);
    rows.push_back({.name = cells[0], .who = cells[2], .scope = cells[3], .outside = cells[4]});
  }
  return rows;
}

std::string outcome_of(const Json& reply) {
  return reply["type"] == "error" ? reply["code"].as_string() : kDone;
}

std::string outcome_of(const HttpResponse& response) {
  return response.status < 300 ? kDone : response.json()["code"].as_string();
}

WsClient connected(const Token& token) {
  WsClient client(hub().port(), {.token = hub().sign(token)});
  client.expect("welcome");
  return client;
}

std::string say(const Token& token, Json message) {
  return outcome_of(connected(token).request(std::move(message)));
}

std::string path_of(const std::string& device) { return "/v1/devices/" + device; }

void make(const std::string& device) {
  REQUIRE(hub().http().put(path_of(device), obj()).status == 201);
}

std::string send_command(const std::string& device) {
  make(device);
  const auto sent =
      hub().http().post(path_of(device) + "/commands", obj("name", "blink", "delivery", "queue"));
  REQUIRE(sent.status == 201);
  return sent.json()["command"].as_string();
}

std::string send_fleet(const std::string& device) {
  make(device);
  const auto sent = hub().http().post(
      "/v1/fleet-commands",
      obj("devices", arr(device), "name", "blink", "delivery", "queue", "timeout_ms", 86'400'000));
  REQUIRE(sent.status == 201);
  return sent.json()["fleet"].as_string();
}

bool lists(const Json& items, std::string_view member, const std::string& device) {
  for (const Json& item : items.items()) {
    if (item[member] == device) return true;
  }
  return false;
}

std::string list(const Token& token, const std::string& target, std::string_view member,
                 const std::string& device) {
  const HttpResponse response = hub().http(token).get(target);
  if (response.status != 200) return outcome_of(response);
  return lists(response.json()["items"], member, device) ? kDone : kLeftOut;
}

/// Watches `device` for one kind of event while `cause` makes one.
std::string watch(const Token& token, const std::string& device, const std::string& event,
                  const std::function<void()>& cause) {
  WsClient client = connected(token);
  const Json reply =
      client.request(obj("type", "subscribe", "devices", arr(device), "events", arr(event)));
  if (reply["type"] == "error") return outcome_of(reply);
  cause();
  client.send(obj("type", "heartbeat", "id", "end"));
  return client.receive()["type"] == "heartbeat" ? kLeftOut : kDone;
}

Json message(std::string_view type) { return obj("type", type); }

using Attempt = std::function<std::string(const Token&, const std::string& device)>;

/// How each operation is tried on a device of the tenant `default` that no other attempt touches.
/// A token of kind device is that device's, or another's.
std::map<std::string, Attempt> message_attempts() {
  using D = const std::string&;
  using T = const Token&;
  std::map<std::string, Attempt> all;
  all["auth"] = [](T t, D) { return say(t, obj("type", "auth", "token", hub().sign(t))); };
  all["heartbeat"] = [](T t, D) { return say(t, message("heartbeat")); };
  all["telemetry"] = [](T t, D) {
    const Json sample = obj("metrics", obj("n", 1));
    const std::string one = say(t, obj("type", "telemetry", "metrics", obj("n", 1)));
    CHECK(say(t, obj("type", "telemetry.batch", "samples", arr(sample))) == one);
    return one;
  };
  all["device.register"] = [](T t, D) { return say(t, message("device.register")); };
  all["device.status"] = [](T t, D) {
    return say(t, obj("type", "device.status", "status", "ok"));
  };
  all["subscribe"] = [](T t, D d) {
    make(d);
    const Json reply = connected(t).request(obj("type", "subscribe", "devices", arr("*")));
    if (reply["type"] == "error") return outcome_of(reply);
    return lists(reply["devices"], "id", d) ? kDone : kLeftOut;
  };
  all["unsubscribe"] = [](T t, D d) {
    WsClient client = connected(t);
    client.request(obj("type", "subscribe", "devices", arr(d)));
    return outcome_of(client.request(obj("type", "unsubscribe", "subscription", "s1")));
  };
  return all;
}

std::map<std::string, Attempt> command_attempts() {
  using D = const std::string&;
  using T = const Token&;
  std::map<std::string, Attempt> all;
  all["command.accept"] = [](T t, D d) {
    return say(t, obj("type", "command.accept", "command", send_command(d)));
  };
  all["command.result"] = [](T t, D d) {
    return say(t, obj("type", "command.result", "command", send_command(d), "status", "executed"));
  };
  all["command.send"] = [](T t, D d) {
    make(d);
    const std::string said =
        say(t, obj("type", "command.send", "device", d, "name", "x", "delivery", "queue"));
    const Json body = obj("name", "x", "delivery", "queue");
    CHECK(outcome_of(hub().http(t).post(path_of(d) + "/commands", body)) == said);
    return said;
  };
  all["command.cancel"] = [](T t, D d) {
    const std::string said = say(t, obj("type", "command.cancel", "command", send_command(d)));
    const std::string again =
        hub()
            .http()
            .post(path_of(d) + "/commands", obj("name", "x", "delivery", "queue"))
            .json()["command"]
            .as_string();
    CHECK(outcome_of(hub().http(t).post("/v1/commands/" + again + "/cancel", obj())) == said);
    return said;
  };
  all["command.get"] = [](T t, D d) {
    const std::string command = send_command(d);
    const std::string said = say(t, obj("type", "command.get", "command", command));
    CHECK(outcome_of(hub().http(t).get("/v1/commands/" + command)) == said);
    return said;
  };
  all["fleet.send"] = [](T t, D d) {
    make(d);
    const Json body = obj("devices", arr(d), "name", "x", "delivery", "queue", "timeout_ms", 100);
    const Json reply = connected(t).request(body.with("type", "fleet.send"));
    const HttpResponse posted = hub().http(t).post("/v1/fleet-commands", body);
    CHECK(outcome_of(posted) == outcome_of(reply));
    if (reply["type"] == "error") return outcome_of(reply);
    CHECK(posted.json()["total"] == reply["total"]);
    return reply["total"] == 1 ? kDone : kLeftOut;
  };
  all["fleet.get"] = [](T t, D d) {
    const std::string fleet = send_fleet(d);
    const std::string said = say(t, obj("type", "fleet.get", "fleet", fleet));
    CHECK(outcome_of(hub().http(t).get("/v1/fleet-commands/" + fleet)) == said);
    return said;
  };
  all["fleet.cancel"] = [](T t, D d) {
    const std::string fleet = send_fleet(d);
    const std::string said = say(t, obj("type", "fleet.cancel", "fleet", fleet));
    // A stopped one may be cancelled again.
    CHECK(outcome_of(hub().http(t).post("/v1/fleet-commands/" + fleet + "/cancel", obj())) == said);
    return said;
  };
  return all;
}

std::map<std::string, Attempt> event_attempts() {
  using D = const std::string&;
  using T = const Token&;
  const auto by_device = [](D device, Json said) {
    return [device, said] { hub().device(device).ack(said); };
  };
  std::map<std::string, Attempt> all;
  all["event telemetry"] = [by_device](T t, D d) {
    return watch(t, d, "telemetry", by_device(d, obj("type", "telemetry", "metrics", obj("n", 1))));
  };
  all["event status"] = [by_device](T t, D d) {
    return watch(t, d, "status", by_device(d, obj("type", "device.status", "status", "ok")));
  };
  all["event presence"] = [by_device](T t, D d) {
    return watch(t, d, "presence", by_device(d, message("device.register")));
  };
  all["event device"] = [](T t, D d) { return watch(t, d, "device", [d] { make(d); }); };
  all["event command"] = [](T t, D d) { return watch(t, d, "command", [d] { send_command(d); }); };
  return all;
}

std::map<std::string, Attempt> http_attempts() {
  using D = const std::string&;
  using T = const Token&;
  std::map<std::string, Attempt> all;
  all["commands.list"] = [](T t, D d) {
    send_command(d);
    return outcome_of(hub().http(t).get(path_of(d) + "/commands"));
  };
  all["devices.list"] = [](T t, D d) {
    make(d);
    return list(t, "/v1/devices?prefix=" + d, "id", d);
  };
  all["devices.get"] = [](T t, D d) {
    make(d);
    return outcome_of(hub().http(t).get(path_of(d)));
  };
  all["devices.write"] = [](T t, D d) {
    make(d);
    return outcome_of(hub().http(t).patch(path_of(d), obj("name", "y")));
  };
  all["devices.delete"] = [](T t, D d) {
    make(d);
    return outcome_of(hub().http(t).del(path_of(d)));
  };
  all["telemetry.post"] = [](T t, D d) {
    make(d);
    return outcome_of(hub().http(t).post(path_of(d) + "/telemetry", obj("metrics", obj("n", 1))));
  };
  all["telemetry.read"] = [](T t, D d) {
    make(d);
    return outcome_of(hub().http(t).get(path_of(d) + "/telemetry"));
  };
  all["telemetry.latest"] = [](T t, D d) {
    make(d);
    return outcome_of(hub().http(t).get(path_of(d) + "/telemetry/latest"));
  };
  all["connections.list"] = [](T t, D d) {
    const WsClient device = hub().device(d);
    return list(t, "/v1/connections?kind=device&subject=" + d, "subject", d);
  };
  all["connections.end"] = [](T t, D d) {
    WsClient device(hub().port(), {.token = hub().sign(Token::device(d))});
    const std::string connection = device.expect("welcome")["connection"].as_string();
    return outcome_of(hub().http(t).del("/v1/connections/" + connection));
  };
  all["logs.list"] = [](T t, D d) {
    hub().device(d).close();
    const std::string target = "/v1/connection-logs?device=" + d;
    REQUIRE(eventually([&] { return hub().http().list(target).size() == 1; }));
    return list(t, target, "device", d);
  };
  all["tokens.revoke"] = [](T t, D d) {
    const Json body = obj("jti", d, "expires_at", now_ms() + 60'000);
    return outcome_of(hub().http(t).post("/v1/tokens/revoke", body));
  };
  return all;
}

constexpr std::string_view kScopes[] = {
    "telemetry:read", "telemetry:write", "device:read",     "device:write",
    "command:read",   "command:send",    "connection:read", "admin"};

Token client() { return Token::client(unique("client")).may_do_all(); }

Token client_without(std::string_view missing) {
  std::string scopes;
  for (const std::string_view scope : kScopes) {
    if (scope != missing) scopes += std::string(scope) + " ";
  }
  return client().scope(scopes);
}

/// What somebody of another tenant, or outside the claim, gets.
std::string outside_of(const Row& row) { return row.outside.empty() ? kDone : row.outside; }

void try_with_every_lack(const Row& row, const Attempt& attempt) {
  CAPTURE(row.name);
  const auto result = [&attempt](const Token& token) { return attempt(token, unique("target")); };
  const auto own_device = [&attempt] {
    const std::string device = unique("target");
    return attempt(Token::device(device), device);
  };
  const Token stranger = Token::device(unique("stranger"));
  if (row.who == "device") {
    CHECK(own_device() == kDone);
    CHECK(result(client()) == "forbidden");
    CHECK(result(stranger) == outside_of(row));
    return;
  }
  CHECK(result(client()) == kDone);
  const bool is_for_devices = row.who != "client";
  CHECK(own_device() == (is_for_devices ? kDone : "forbidden"));
  CHECK(result(stranger) == (is_for_devices ? outside_of(row) : "forbidden"));
  if (!row.scope.empty()) {
    CHECK(result(client().scope(row.scope)) == kDone);
    CHECK(result(client_without(row.scope)) == "forbidden");
    CHECK(result(client().without("scope")) == "forbidden");
  }
  CHECK(result(client().devices(arr("target-*"))) == kDone);
  CHECK(result(client().devices(arr("elsewhere-*", "target"))) == outside_of(row));
  CHECK(result(client().devices(arr())) == outside_of(row));
  CHECK(result(client().tenant("another")) == outside_of(row));
}

}  // namespace

TEST_CASE("every documented operation is permitted to whom the table says, with every lack") {
  auto attempts = message_attempts();
  attempts.merge(command_attempts());
  attempts.merge(event_attempts());
  attempts.merge(http_attempts());
  const std::vector<Row> rows = documented_rows();
  REQUIRE(rows.size() == attempts.size());
  for (const Row& row : rows) {
    REQUIRE(attempts.contains(row.name));
    try_with_every_lack(row, attempts.at(row.name));
  }
}

TEST_CASE("of a subscription each event needs its scope, also when the token is a fresh one") {
  const std::string id = unique("target");
  WsClient device = hub().device(id);
  WsClient watcher = hub().client(Token::client("w").scope("telemetry:read device:read"));
  watcher.ack(obj("type", "subscribe", "devices", arr(id)));
  device.ack(obj("type", "device.status", "status", "ok"));
  watcher.expect("device.status");
  const Token less = Token::client("w").scope("telemetry:read");
  watcher.ack(obj("type", "auth", "token", hub().sign(less)));
  device.ack(obj("type", "device.status", "status", "warning"));
  device.ack(obj("type", "telemetry", "metrics", obj("n", 1)));
  watcher.expect("telemetry");
}

TEST_CASE("a PUT creates in the caller's tenant and inside its claim only") {
  const std::string id = unique("target");
  make(id);
  const auto put = [&id](const Token& token) {
    return outcome_of(hub().http(token).put(path_of(id), obj("name", "theirs")));
  };
  CHECK(put(client_without("device:write")) == "forbidden");
  CHECK(put(Token::device(id)) == "forbidden");
  CHECK(put(client().devices(arr("elsewhere-*"))) == "not_found");
  CHECK(put(client().tenant("another")) == kDone);
  CHECK(hub().http().get(path_of(id)).json()["name"].is_null());
  CHECK(hub().http("another").get(path_of(id)).json()["name"] == "theirs");
}

TEST_CASE("who may not ask is not told what is wrong with the request") {
  const auto nobody = hub().http(Token::client("x"));
  CHECK(nobody.post("/v1/tokens/revoke", obj("jti", 5)).status == 403);
  CHECK(nobody.get("/v1/devices?limit=none").status == 403);
  CHECK(nobody.get("/v1/connection-logs?from=x").status == 403);
}

TEST_CASE("pages of the log are filled with what the devices claim shows") {
  const std::string tenant = unique("tenant");
  for (int i = 0; i < 6; ++i) {
    hub().device("mine-" + std::to_string(i), tenant).close();
    hub().device("other-" + std::to_string(i), tenant).close();
  }
  REQUIRE(eventually([&] { return hub().http(tenant).list("/v1/connection-logs").size() >= 12; }));
  const Token narrow =
      Token::client("x").tenant(tenant).scope("connection:read").devices(arr("mine-*"));
  for (const int limit : {1, 2, 5, 100}) {
    CHECK(hub().http(narrow).list("/v1/connection-logs", limit).size() == 6);
  }
}
