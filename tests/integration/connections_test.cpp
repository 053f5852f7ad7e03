#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

/// The log row of the connection, once it is there: the end of a connection is stored after it.
Json log_of(const HubProcess& of, const std::string& device, const Json& connection) {
  const auto http = of.http();
  Json found;
  eventually([&] {
    for (const Json& row : http.list("/v1/connection-logs?device=" + device)) {
      if (row["connection"] == connection) found = row;
    }
    return found.exists();
  });
  return found;
}

Json connect(const HubProcess& to, std::vector<WsClient>& into, const std::string& id) {
  into.emplace_back(to.port(), WsOptions{.token = to.sign(Token::device(id))});
  return into.back().expect("welcome")["connection"];
}

}  // namespace

TEST_CASE("the list of connections shows who is there, of this tenant only") {
  const std::string tenant = unique("tenant");
  const std::int64_t before = now_ms();
  WsClient device = hub().device("boiler", tenant);
  WsClient client(hub().port(),
                  {.token = hub().sign(Token::client("panel").tenant(tenant).may_do_all())});
  const Json welcome = client.expect("welcome");
  client.ack(obj("type", "subscribe", "devices", arr("*")));
  client.ack(obj("type", "subscribe", "devices", arr("boiler")));
  const auto all = hub().http(tenant).list("/v1/connections");
  REQUIRE(all.size() == 2);
  const auto found = std::ranges::find_if(all, [](const Json& c) { return c["kind"] == "client"; });
  REQUIRE(found != all.end());
  const Json& shown = *found;
  CHECK(shown["connection"] == welcome["connection"]);
  CHECK(shown["subject"] == "panel");
  CHECK(shown["tenant"] == tenant);
  CHECK(shown["remote"].as_string().starts_with("127.0.0.1"));
  CHECK(shown["protocol"] == "fairlead.v1.json");
  CHECK(shown["connected_at"].as_int() >= before);
  CHECK(shown["last_seen"].as_int() >= shown["connected_at"].as_int());
  CHECK(shown["expires_at"] == welcome["expires_at"]);
  CHECK(shown["subscriptions"] == 2);
  CHECK(shown["messages_in"] == 2);
  CHECK(shown["messages_out"] == 3);
  CHECK(hub().http(Token::client("x").scope("device:read")).get("/v1/connections").status == 403);
  CHECK(hub().anonymous().get("/v1/connections").status == 401);
}

TEST_CASE("the list of connections comes in pages") {
  const std::string tenant = unique("tenant");
  std::vector<WsClient> clients;
  clients.reserve(7);
  for (int i = 0; i < 7; ++i) clients.push_back(hub().client(tenant));
  for (const int limit : {1, 3, 7, 100}) {
    const auto all = hub().http(tenant).list("/v1/connections", limit);
    std::vector<std::string> ids;
    for (const Json& one : all) ids.push_back(one["connection"].as_string());
    std::ranges::sort(ids);
    CHECK(ids.size() == 7);
    CHECK(std::ranges::unique(ids).empty());
  }
}

TEST_CASE("the list of connections is filtered by kind, subject and the beginning of the subject") {
  const std::string tenant = unique("tenant");
  std::vector<WsClient> peers;
  for (const char* id : {"boiler-1", "boiler-2", "pump-1"}) {
    peers.push_back(hub().device(id, tenant));
  }
  for (const char* name : {"boiler-app", "panel", "panel"}) {
    peers.push_back(hub().client(Token::client(name).tenant(tenant).may_do_all()));
  }
  const auto http = hub().http(tenant);
  const auto subjects = [&](const std::string& query) {
    std::vector<std::string> found;
    for (const Json& one : http.list("/v1/connections" + query, 1)) {
      found.push_back(one["subject"].as_string());
    }
    std::ranges::sort(found);
    return found;
  };
  using Subjects = std::vector<std::string>;
  CHECK(subjects("?kind=device") == Subjects{"boiler-1", "boiler-2", "pump-1"});
  CHECK(subjects("?kind=client") == Subjects{"boiler-app", "panel", "panel"});
  CHECK(subjects("?subject=panel") == Subjects{"panel", "panel"});
  CHECK(subjects("?kind=device&subject=panel").empty());
  CHECK(subjects("?prefix=boiler-") == Subjects{"boiler-1", "boiler-2", "boiler-app"});
  CHECK(subjects("?prefix=boiler-&kind=device") == Subjects{"boiler-1", "boiler-2"});
  CHECK(http.get("/v1/connections?kind=robot").status == 400);
}

TEST_CASE("an administrator closes a connection with 4403") {
  const std::string tenant = unique("tenant");
  WsClient device(hub().port(), {.token = hub().sign(Token::device("d").tenant(tenant))});
  const std::string id = device.expect("welcome")["connection"].as_string();
  const std::string target = "/v1/connections/" + id;
  const auto reader =
      hub().http(Token::client("r").tenant(tenant).scope("connection:read device:write"));
  CHECK(reader.del(target).status == 403);
  CHECK(hub().http("other").del(target).status == 404);
  device.expect_nothing();
  CHECK(hub().http(tenant).del(target).status == 204);
  device.expect_error("forbidden");
  device.expect_close(4403);
  CHECK(hub().http(tenant).del("/v1/connections/c-nobody").status == 404);
}

TEST_CASE("each way a connection ends is in the log with its code and reason") {
  const HubProcess own({.settings = {"limits.max_message_bytes=1024"}});
  std::vector<WsClient> clients;
  const std::int64_t before = now_ms();
  const Json closed = connect(own, clients, "closed");
  clients.back().send_close(1000, "done");
  const Json lost = connect(own, clients, "lost");
  clients.back().socket().reset();
  const Json huge = connect(own, clients, "huge");
  clients.back().send_text(std::string(1025, ' '));
  const Json replaced = connect(own, clients, "twin");
  const Json replacing = connect(own, clients, "twin");
  const Json row = log_of(own, "closed", closed);
  CHECK(row["code"] == 1000);
  CHECK(row["reason"] == "done");
  CHECK(row["kind"] == "device");
  CHECK(row["subject"] == "closed");
  CHECK(row["device"] == "closed");
  CHECK(row["remote"].as_string().starts_with("127.0.0.1"));
  CHECK(row["connected_at"].as_int() >= before);
  CHECK(row["disconnected_at"].as_int() >= row["connected_at"].as_int());
  CHECK(log_of(own, "lost", lost)["code"] == 1006);
  CHECK(log_of(own, "huge", huge)["code"] == 1009);
  CHECK(log_of(own, "twin", replaced)["code"] == 4409);
  // One that goes on is not listed.
  CHECK(own.http().list("/v1/connection-logs?device=twin").size() == 1);
}

TEST_CASE("the log has an end for connections that a kill cut off") {
  HubProcess own;
  std::vector<WsClient> clients;
  const Json connection = connect(own, clients, "boiler");
  clients.back().ack(obj("type", "telemetry", "metrics", obj("n", 1)));
  own.restart();
  const auto rows = own.http().list("/v1/connection-logs?device=boiler");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["connection"] == connection);
  CHECK(rows[0]["code"] == 1006);
  CHECK(rows[0]["reason"] == "hub restarted");
  CHECK(rows[0]["disconnected_at"].as_int() >= rows[0]["connected_at"].as_int());
}

TEST_CASE("the log is filtered by time, comes in pages, and is of this tenant only") {
  const HubProcess own;
  std::vector<WsClient> clients;
  Json last;
  for (int i = 0; i < 6; ++i) {
    last = connect(own, clients, "boiler");
    clients.back().close();
    REQUIRE(log_of(own, "boiler", last).exists());
  }
  for (const int limit : {1, 4, 6}) {
    CHECK(own.http().list("/v1/connection-logs?device=boiler", limit).size() == 6);
  }
  const std::int64_t future = now_ms() + 1000;
  CHECK(own.http().list(fmt::format("/v1/connection-logs?from={}", future)).empty());
  CHECK(own.http().list(fmt::format("/v1/connection-logs?device=boiler&to={}", future)).size() ==
        6);
  CHECK(own.http().get("/v1/connection-logs?from=x").status == 400);
  CHECK(own.http("other").list("/v1/connection-logs").empty());
  const auto narrow = own.http(Token::client("x").scope("device:read"));
  CHECK(narrow.get("/v1/connection-logs").status == 403);
}
