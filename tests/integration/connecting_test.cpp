#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

void check_refused(const HttpResponse& response, std::string_view token) {
  CAPTURE(response.body);
  CHECK(response.status == 401);
  CHECK(response.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));
  CHECK(response.header("content-type").starts_with("application/problem+json"));
  const Json problem = response.json();
  CHECK(problem["status"] == 401);
  CHECK(problem["code"] == "unauthenticated");
  CHECK(problem["type"].is_string());
  CHECK(problem["title"].is_string());
  CHECK(problem["detail"].is_string());
  if (!token.empty()) CHECK(response.body.find(token) == std::string::npos);
}

}  // namespace

TEST_CASE("a device is welcomed first of all, with its limits and where its telemetry stands") {
  const std::string id = unique("boiler");
  const std::int64_t before = now_ms();
  WsClient device(hub().port(), {.token = hub().sign(Token::device(id).expires_in(600))});
  const Json welcome = device.expect("welcome");
  CAPTURE(welcome);
  CHECK(device.protocol() == "fairlead.v1.json");
  CHECK(welcome["connection"].as_string().starts_with("c-"));
  CHECK(welcome["kind"] == "device");
  CHECK(welcome["subject"] == id);
  CHECK(welcome["tenant"] == "default");
  CHECK(welcome["server_time"].as_int() >= before);
  CHECK(welcome["server_time"].as_int() <= now_ms());
  CHECK(welcome["expires_at"].as_int() >= before + 598'000);
  CHECK(welcome["expires_at"].as_int() <= now_ms() + 600'000);
  CHECK(welcome["heartbeat_ms"] == 30'000);
  CHECK(welcome["limits"] ==
        obj("max_message_bytes", 65536, "messages_per_second", 200, "burst", 400));
  CHECK(welcome["telemetry"] == obj("epoch", nullptr, "last_seq", 0));
}

TEST_CASE("a client is welcomed without telemetry, and its kind and tenant have defaults") {
  Token token = Token::client("panel").without("kind");
  WsClient client(hub().port(), {.token = hub().sign(token)});
  const Json welcome = client.expect("welcome");
  CAPTURE(welcome);
  CHECK(welcome["kind"] == "client");
  CHECK(welcome["tenant"] == "default");
  CHECK(!welcome["telemetry"].exists());
}

TEST_CASE("the welcome tells the limits and the heartbeat that the operator set") {
  const HubProcess own(
      {.settings = {"limits.max_message_bytes=2048", "limits.messages_per_second=50",
                    "limits.burst=60", "presence.heartbeat_ms=12000"}});
  WsClient client(own.port(), {.token = own.sign(Token::client("panel"))});
  const Json welcome = client.expect("welcome");
  CHECK(welcome["limits"] ==
        obj("max_message_bytes", 2048, "messages_per_second", 50, "burst", 60));
  CHECK(welcome["heartbeat_ms"] == 12'000);
}

TEST_CASE("a token may come as a subprotocol, which is never echoed") {
  const std::string bearer = "fairlead.bearer." + hub().sign(Token::client("browser"));
  WsClient beside(hub().port(), {.protocols = {"fairlead.v1.json", bearer}});
  CHECK(beside.expect("welcome")["subject"] == "browser");
  CHECK(beside.protocol() == "fairlead.v1.json");
  WsClient before(hub().port(), {.protocols = {bearer, "fairlead.v1.json"}});
  CHECK(before.expect("welcome")["subject"] == "browser");
  CHECK(before.protocol() == "fairlead.v1.json");
  WsClient alone(hub().port(), {.protocols = {bearer}});
  CHECK(alone.expect("welcome")["subject"] == "browser");
  CHECK(alone.protocol().empty());
}

TEST_CASE("no subprotocol offered means JSON with none echoed") {
  WsClient client(hub().port(), {.token = hub().sign(Token::client("panel")), .protocols = {}});
  client.expect("welcome");
  CHECK(client.protocol().empty());
}

TEST_CASE("only unknown subprotocols offered are refused, a known one beside them is taken") {
  const std::string token = hub().sign(Token::client("panel"));
  const auto refused = upgrade(hub().port(), {.token = token, .protocols = {"mqtt", "chat"}});
  CHECK(refused.status == 400);
  CHECK(refused.header("content-type").starts_with("application/problem+json"));
  WsClient client(hub().port(), {.token = token, .protocols = {"mqtt", "fairlead.v1.json"}});
  client.expect("welcome");
  CHECK(client.protocol() == "fairlead.v1.json");
}

TEST_CASE("of several tokens the first place counts, and a bad one there is not forgiven") {
  const std::string good = hub().sign(Token::client("good"));
  const std::string other = hub().sign(Token::client("other"));
  WsClient client(hub().port(),
                  {.token = good, .protocols = {"fairlead.v1.json", "fairlead.bearer." + other}});
  CHECK(client.expect("welcome")["subject"] == "good");
  check_refused(
      upgrade(hub().port(), {.token = "bad.token.here",
                             .protocols = {"fairlead.v1.json", "fairlead.bearer." + good}}),
      "bad.token.here");
  WsClient despite(hub().port(),
                   {.token = good, .protocols = {"fairlead.v1.json", "fairlead.bearer.bad"}});
  CHECK(despite.expect("welcome")["subject"] == "good");
}

TEST_CASE("a token in the query is ignored unless the operator allows it") {
  const std::string good = hub().sign(Token::client("query"));
  WsClient ignored(hub().port(), {.path = "/v1/ws?access_token=" + good});
  ignored.send(obj("type", "auth", "token", hub().sign(Token::client("message"))));
  CHECK(ignored.expect("welcome")["subject"] == "message");

  const HubProcess own({.settings = {"auth.allow_query_token=true"}});
  WsClient taken(own.port(), {.path = "/v1/ws?x=1&access_token=" + good});
  CHECK(taken.expect("welcome")["subject"] == "query");
  check_refused(upgrade(own.port(), {.path = "/v1/ws?access_token=a.b.c"}), "a.b.c");
  check_refused(upgrade(own.port(), {.path = "/v1/ws?access_token=" + good, .token = "a.b.c"}),
                "a.b.c");
}

TEST_CASE("without a token the first message is the auth, and its ack follows the welcome") {
  WsClient client(hub().port(), {});
  client.send(obj("type", "auth", "id", "a1", "token", hub().sign(Token::client("late"))));
  CHECK(client.expect("welcome")["subject"] == "late");
  CHECK(client.expect("ack")["id"] == "a1");
  WsClient silent(hub().port(), {});
  silent.send(obj("type", "auth", "token", hub().sign(Token::client("late"))));
  silent.expect("welcome");
  silent.expect_nothing();
}

TEST_CASE("anything before the auth, or a bad token in it, is told and closes with 4401") {
  WsClient early(hub().port(), {});
  early.send(obj("type", "heartbeat", "id", 1));
  CHECK(early.expect_error("unauthenticated")["id"] == 1);
  early.expect_close(4401);

  WsClient garbage(hub().port(), {});
  garbage.send_text("{");
  garbage.expect_close(4401);

  WsClient bad(hub().port(), {});
  bad.send(obj("type", "auth", "id", 2, "token", "bad.token.here"));
  CHECK(bad.expect_error("unauthenticated")["id"] == 2);
  bad.expect_close(4401);

  WsClient expired(hub().port(), {});
  expired.send(obj("type", "auth", "token", hub().sign(Token::client("x").expires_in(-5))));
  expired.expect_error("unauthenticated");
  expired.expect_close(4401);
}

TEST_CASE("a connection that does not authenticate in time is closed with 4401") {
  const HubProcess own({.settings = {"auth.timeout_ms=100"}});
  WsClient client(own.port(), {});
  client.expect_error("unauthenticated");
  client.expect_close(4401);
  // One that did is not.
  WsClient quick(own.port(), {});
  quick.send(obj("type", "auth", "token", own.sign(Token::client("quick"))));
  quick.expect("welcome");
  WsClient(own.port(), {}).expect_close(4401);
  quick.expect_nothing();
}

TEST_CASE("a bad token is refused at the handshake with 401 and says why without showing it") {
  const Token good = Token::client("panel");
  const std::string valid = hub().sign(good);
  const std::string signature = valid.substr(valid.rfind('.') + 1);
  const std::string claims = R"({"sub":"panel","exp":99999999999})";
  const std::string header = R"({"alg":"HS256"})";
  const std::vector<std::pair<const char*, std::string>> bad = {
      {"expired", hub().sign(Token(good).expires_in(-1))},
      {"not yet valid", hub().sign(Token(good).claim("nbf", now_ms() / 1000 + 120))},
      {"issued in the future", hub().sign(Token(good).claim("iat", now_ms() / 1000 + 120))},
      {"another secret", good.sign("another secret of the tests, as long as it must be")},
      {"alg none", hub().sign(Token(good).header("alg", "none"))},
      {"alg none, not signed", base64url(R"({"alg":"none"})") + "." + base64url(claims) + "."},
      {"another alg", hub().sign(Token(good).header("alg", "HS512"))},
      {"alg a number", sign_hs256(R"({"alg":5})", claims, kSecret)},
      {"no alg", sign_hs256("{}", claims, kSecret)},
      {"crit", hub().sign(Token(good).header("crit", arr("exp")))},
      {"no sub", hub().sign(Token(good).without("sub"))},
      {"sub a number", hub().sign(Token(good).claim("sub", 7))},
      {"no exp", hub().sign(Token(good).without("exp"))},
      {"exp a string", hub().sign(Token(good).claim("exp", "tomorrow"))},
      {"kind unknown", hub().sign(Token(good).claim("kind", "robot"))},
      {"tenant not a name", hub().sign(Token(good).claim("tenant", "a b"))},
      {"scope an array", hub().sign(Token(good).claim("scope", arr("admin")))},
      {"devices a string", hub().sign(Token(good).claim("devices", "*"))},
      {"device id not an id", hub().sign(Token::device("boiler 7"))},
      {"device id too long", hub().sign(Token::device(std::string(129, 'x')))},
      {"claims an array", sign_hs256(header, "[]", kSecret)},
      {"claims not JSON", sign_hs256(header, "{", kSecret)},
      {"a claim twice", sign_hs256(header, R"({"sub":"a","sub":"b","exp":99999999999})", kSecret)},
      {"two parts", valid.substr(0, valid.rfind('.'))},
      {"four parts", valid + "." + signature},
      {"signature cut", valid.substr(0, valid.size() - 1)},
      {"signature padded", valid + "="},
      {"no parts", "x"},
      {"dots", ".."},
  };
  for (const auto& [what, token] : bad) {
    CAPTURE(what);
    check_refused(upgrade(hub().port(), {.token = token}), token.size() > 8 ? token : "");
  }
}

TEST_CASE("an Authorization that is no Bearer is refused though another place has a good token") {
  const std::string bearer = "fairlead.bearer." + hub().sign(Token::client("x"));
  for (const char* header : {"Authorization: Basic YTpi", "Authorization: Bearer",
                             "Authorization: Bearer a b", "Authorization:"}) {
    CAPTURE(header);
    check_refused(
        upgrade(hub().port(), {.protocols = {"fairlead.v1.json", bearer}, .headers = {header}}),
        "");
  }
}

TEST_CASE("issuer, audience, expiry and the names of claims are what the operator says") {
  const HubProcess own({.settings = {"auth.issuer=https://id.example", "auth.audience=fairlead",
                                     "auth.require_exp=false", "auth.claims.sub=client_id"}});
  Token good = Token::client("ignored");
  good.claim("client_id", "panel").claim("iss", "https://id.example").without("exp");
  good.claim("aud", arr("other", "fairlead"));
  WsClient client(own.port(), {.token = own.sign(good)});
  CHECK(client.expect("welcome")["subject"] == "panel");
  check_refused(upgrade(own.port(), {.token = own.sign(Token(good).claim("iss", "https://x"))}),
                "");
  check_refused(upgrade(own.port(), {.token = own.sign(Token(good).claim("aud", "other"))}), "");
  check_refused(upgrade(own.port(), {.token = own.sign(Token(good).without("aud"))}), "");
  check_refused(upgrade(own.port(), {.token = own.sign(Token(good).without("client_id"))}), "");
}

TEST_CASE("leeway forgives a clock that is a little ahead, but not an expiry") {
  const Token token = Token::client("panel").claim("nbf", now_ms() / 1000 + 30);
  WsClient client(hub().port(), {.token = hub().sign(token)});
  client.expect("welcome");
  const HubProcess own({.settings = {"auth.leeway_s=0"}});
  check_refused(upgrade(own.port(), {.token = own.sign(token)}), "");
}

TEST_CASE("an Origin that is not allowed is 403, the same origin and none at all connect") {
  const std::string token = hub().sign(Token::client("panel"));
  const auto with_origin = [&](const HubProcess& to, const std::string& origin) {
    return upgrade(to.port(), {.token = token, .headers = {"Origin: " + origin}}).status;
  };
  CHECK(with_origin(hub(), "https://evil.example") == 403);
  CHECK(with_origin(hub(), "null") == 403);
  CHECK(with_origin(hub(), fmt::format("http://127.0.0.1:{}", hub().port() + 1)) == 403);
  CHECK(with_origin(hub(), fmt::format("http://127.0.0.1:{}", hub().port())) == 101);
  const HubProcess own(
      {.settings = {"http.allowed_origins=https://other.example, https://app.example"}});
  CHECK(with_origin(own, "https://app.example") == 101);
  CHECK(with_origin(own, "http://app.example") == 403);
  CHECK(with_origin(own, "https://app.example.evil.example") == 403);
  CHECK(with_origin(own, fmt::format("http://127.0.0.1:{}", own.port())) == 101);
}

TEST_CASE("a disabled device is 403 at the handshake and 4403 after a first message") {
  const std::string id = unique("pump");
  const auto http = hub().http();
  REQUIRE(http.put("/v1/devices/" + id, obj()).status == 201);
  REQUIRE(http.patch("/v1/devices/" + id, obj("disabled", true)).status == 200);
  const std::string token = hub().sign(Token::device(id));
  CHECK(upgrade(hub().port(), {.token = token}).status == 403);
  WsClient client(hub().port(), {});
  client.send(obj("type", "auth", "id", 1, "token", token));
  CHECK(client.expect_error("forbidden")["id"] == 1);
  client.expect_close(4403);
  REQUIRE(http.patch("/v1/devices/" + id, obj("disabled", false)).status == 200);
  WsClient(hub().port(), {.token = token}).expect("welcome");
}

TEST_CASE("over the limit of connections the next one is 503 and told when to come back") {
  const HubProcess own({.settings = {"limits.connections=2"}});
  WsClient first = own.device("a");
  WsClient second = own.device("b");
  const auto refused = upgrade(own.port(), {.token = own.sign(Token::device("c"))});
  CHECK(refused.status == 503);
  CHECK(!refused.header("retry-after").empty());
  CHECK(refused.json()["code"] == "overloaded");
  first.close();
  // The place is free soon after the hub has seen the end.
  const std::string token = own.sign(Token::device("c"));
  CHECK(eventually([&] { return upgrade(own.port(), {.token = token}).status == 101; }));
}

TEST_CASE("an upgrade that is none, or not of version 13, is refused") {
  const auto answer = [](const std::string& request) {
    HttpConnection connection(hub().port());
    connection.send(request);
    return connection.receive();
  };
  const std::string start = "GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const auto old =
      answer(start + "Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n" + key + "\r\n");
  CHECK(old.status == 426);
  CHECK(old.header("sec-websocket-version") == "13");
  const std::string version = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
  CHECK(answer(start + version + "\r\n").status == 400);
  CHECK(answer(start + version + "Sec-WebSocket-Key: short\r\n\r\n").status == 400);
  CHECK(answer(start + version + key + key + "\r\n").status == 400);
  const int plain = answer("GET /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n").status;
  CHECK((plain == 400 || plain == 426));
}

TEST_CASE("too many failures from an address are 429 at the handshake and over HTTP, 4429 later") {
  const HubProcess own({.settings = {"auth.failures_per_minute=2", "runtime.shards=2"}});
  const std::string good = own.sign(Token::client("panel"));
  WsClient before(own.port(), {.token = good});
  before.expect("welcome");
  WsClient silent(own.port(), {});
  CHECK(upgrade(own.port(), {.token = "bad.token.here"}).status == 401);
  CHECK(upgrade(own.port(), {.token = good}).status == 101);
  CHECK(HttpClient(own.port(), "bad token").get("/v1/devices").status == 401);
  // Now also a good token is not looked at; it would tell a guesser that it is one.
  for (const std::string& token : {good, std::string("bad.token.here")}) {
    const HttpResponse refused = upgrade(own.port(), {.token = token});
    CHECK(refused.status == 429);
    CHECK(refused.json()["code"] == "rate_limited");
    CHECK(std::stoi(refused.header("retry-after")) <= 30);
    CHECK(refused.header("www-authenticate").empty());
    CHECK(HttpClient(own.port(), token).get("/v1/devices").status == 429);
  }
  silent.send(obj("type", "auth", "token", good));
  CHECK(silent.expect_error("rate_limited")["retry_after_ms"].as_int() > 0);
  silent.expect_close(4429);
  // A refresh has to wait as well, and costs nobody the connection.
  before.refused("rate_limited", obj("type", "auth", "token", good));
  before.expect_nothing();
  const std::string metrics = own.anonymous().get("/metrics").body;
  CHECK(metrics.find("fairlead_failed_auths_total{reason=\"malformed\"} 2\n") != std::string::npos);
  CHECK(metrics.find("fairlead_failed_auths_total{reason=\"too_many\"} 6\n") != std::string::npos);
}

TEST_CASE("a failed authentication is logged with its reason and address, without the token") {
  HubProcess own;
  const std::string expired = own.sign(Token::client("panel").expires_in(-5));
  check_refused(upgrade(own.port(), {.token = expired}), expired);
  CHECK(own.stop() == 0);
  const std::string log = own.process().errors();
  CHECK(log.find("token expired from 127.0.0.1:") != std::string::npos);
  CHECK(log.find(expired.substr(0, 20)) == std::string::npos);
}
