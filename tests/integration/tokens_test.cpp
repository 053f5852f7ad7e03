#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

Json auth(const Token& token) { return obj("type", "auth", "token", hub().sign(token)); }

}  // namespace

TEST_CASE("a fresh token takes over, with its permissions and its expiry") {
  const std::string id = unique("boiler");
  WsClient device = hub().device(id);
  WsClient client = hub().client(Token::client("panel").scope("device:read"));
  client.refused("forbidden", obj("type", "command.get", "command", "k-1"));
  client.ack(auth(Token::client("panel").scope("device:read telemetry:read command:read")));
  client.refused("not_found", obj("type", "command.get", "command", "k-1"));
  client.ack(obj("type", "subscribe", "devices", arr(id), "events", arr("telemetry", "status")));
  // Permissions of running subscriptions follow at once.
  client.ack(auth(Token::client("panel").scope("device:read")));
  device.ack(obj("type", "telemetry", "metrics", obj("n", 1)));
  device.ack(obj("type", "device.status", "status", "ok"));
  client.expect("device.status");
  client.ack(auth(Token::client("panel").scope("telemetry:read").devices(arr("other-*"))));
  device.ack(obj("type", "telemetry", "metrics", obj("n", 2)));
  client.ack(auth(Token::client("panel").scope("telemetry:read")));
  device.ack(obj("type", "telemetry", "metrics", obj("n", 3)));
  CHECK(client.expect("telemetry")["metrics"]["n"] == 3);
}

TEST_CASE("a token of another subject, kind or tenant is forbidden, and the connection goes on") {
  WsClient client = hub().client(Token::client("panel").may_do_all());
  client.refused("forbidden", auth(Token::client("other").may_do_all()));
  client.refused("forbidden", auth(Token::device("panel")));
  client.refused("forbidden", auth(Token::client("panel").tenant("other")));
  client.ack(obj("type", "subscribe", "devices", arr("*")));
}

TEST_CASE("a refresh with a bad token is told") {
  WsClient client = hub().client();
  client.refused("unauthenticated", obj("type", "auth", "token", "a.b.c"));
  WsClient other = hub().client();
  other.refused("invalid", obj("type", "auth", "token", 5));
  other.refused("invalid", obj("type", "auth"));
}

TEST_CASE("a connection is closed with 4401 when its token expires, without a warning if short") {
  const std::string id = unique("boiler");
  WsClient device(hub().port(), {.token = hub().sign(Token::device(id).expires_in(1.5))});
  const Json welcome = device.expect("welcome");
  const Json error = device.expect("error");
  CHECK(error["code"] == "unauthenticated");
  CHECK(now_ms() >= welcome["expires_at"].as_int());
  device.expect_close(4401);
}

TEST_CASE("a refresh in time keeps the connection past the old expiry") {
  WsClient client(hub().port(), {.token = hub().sign(Token::client("long").expires_in(1.5))});
  const std::int64_t expiry = client.expect("welcome")["expires_at"].as_int();
  WsClient clock(hub().port(), {.token = hub().sign(Token::client("clock").expires_in(2.5))});
  client.ack(auth(Token::client("long")));
  // The other one's end tells that the time has passed.
  clock.expect_close(4401);
  CHECK(now_ms() > expiry);
  client.expect_nothing();
}

TEST_CASE("60 s before its expiry a token that lives longer is announced to expire") {
  WsClient client(hub().port(), {.token = hub().sign(Token::client("x").expires_in(61.5))});
  const std::int64_t expiry = client.expect("welcome")["expires_at"].as_int();
  const Json warning = client.expect("auth.expiring");
  CHECK(warning["expires_at"] == expiry);
  CHECK(now_ms() >= expiry - 60'000);
  CHECK(now_ms() < expiry - 50'000);
}

TEST_CASE("a revoked token is refused, and its connections are closed with 4401") {
  HubProcess own;
  const std::string tenant = "acme";
  const Token token = Token::client("panel").tenant(tenant).may_do_all().jti("t-1");
  WsClient client = own.client(token);
  WsClient other = own.client(Token::client("panel").tenant(tenant).jti("t-2"));
  WsClient namesake = own.client(Token::client("panel").tenant("other").jti("t-1"));
  const Json body = obj("jti", "t-1", "expires_at", now_ms() + 3'600'000);
  const auto no_admin = own.http(Token::client("x").tenant(tenant).scope("device:write"));
  CHECK(no_admin.post("/v1/tokens/revoke", body).status == 403);
  client.expect_nothing();
  const auto admin = own.http(tenant);
  CHECK(admin.post("/v1/tokens/revoke", obj("jti", 5)).status == 400);
  CHECK(admin.post("/v1/tokens/revoke", body).status == 204);
  client.expect_error("unauthenticated");
  client.expect_close(4401);
  other.expect_nothing();
  namesake.expect_nothing();
  CHECK(upgrade(own.port(), {.token = own.sign(token)}).status == 401);
  CHECK(own.http(token).get("/v1/devices").status == 401);
  own.restart();
  CHECK(upgrade(own.port(), {.token = own.sign(token)}).status == 401);
}
