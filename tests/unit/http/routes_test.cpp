#include "http/routes.h"

#include <doctest/doctest.h>

#include <string>

#include "net/utf8.h"
#include "unit/http/fake_site.h"

namespace fairlead::http {
namespace {

void check_problem(const Outcome& outcome, int status, std::string_view code) {
  REQUIRE(outcome.response);
  CAPTURE(outcome.response->body);
  CHECK(outcome.status() == status);
  CHECK(outcome.header("Content-Type") == "application/problem+json");
  CHECK(outcome.header("Cache-Control") == "no-store");
  const support::Json problem = outcome.json();
  CHECK(problem["status"] == status);
  CHECK(problem["code"] == code);
  for (const char* member : {"type", "title", "detail"}) CHECK(problem[member].is_string());
}

}  // namespace

TEST_CASE("who brings no token is asked for one, who brings a bad one is told so") {
  Front front({.allow_query_token = true});
  const Outcome none = front.send("GET", "/v1/devices");
  check_problem(none, 401, "unauthenticated");
  CHECK(none.header("WWW-Authenticate") == "Bearer");
  for (const char* bad : {"Bearer nobody.x.y", "Basic YTpi", "Bearer"}) {
    CAPTURE(bad);
    const Outcome refused = front.send("GET", "/v1/devices", "", {{"authorization", bad}});
    check_problem(refused, 401, "unauthenticated");
    CHECK(refused.header("WWW-Authenticate") == R"(Bearer error="invalid_token")");
  }
  const Outcome in_query = front.send("GET", "/v1/devices?access_token=nobody.x.y");
  CHECK(in_query.header("WWW-Authenticate") == R"(Bearer error="invalid_token")");
}

TEST_CASE("a token in the query counts only where the operator allows it") {
  Front strict;
  CHECK(strict.send("GET", "/v1/devices?access_token=me.x.y").status() == 401);
  Front lax({.allow_query_token = true});
  CHECK(lax.send("GET", "/v1/devices?access_token=me.x.y").status() == 200);
  CHECK(lax.ask("GET", "/v1/devices?access_token=nobody.x.y").status() == 200);
}

TEST_CASE("an unknown path is 404, a known one with another method 405 with those it takes") {
  Front front;
  for (const char* path : {"/v1/nothing", "/v1/devices/", "/v1/devices/a/", "/v1", "/v1//devices",
                           "/v1/fleet-commands/", "/v1/devices/a/telemetry/oldest"}) {
    CAPTURE(path);
    check_problem(front.ask("GET", path), 404, "not_found");
  }
  const Outcome other = front.ask("POST", "/v1/devices/a");
  check_problem(other, 405, "invalid");
  CHECK(other.header("Allow") == "GET, HEAD, PUT, PATCH, DELETE");
  CHECK(front.ask("DELETE", "/v1/commands/k-1/cancel").header("Allow") == "POST");
  CHECK(front.ask("POST", "/healthz").header("Allow") == "GET, HEAD");
}

TEST_CASE("a method that nobody knows is 501, whatever the path") {
  Front front;
  check_problem(front.ask("BREW", "/v1/devices"), 501, "invalid");
  check_problem(front.ask("get", "/nowhere"), 501, "invalid");
  check_problem(front.ask("TRACE", "/v1/devices"), 405, "invalid");
}

TEST_CASE("OPTIONS for the server as a whole is answered") {
  Front front;
  CHECK(front.send("OPTIONS", "*").status() == 204);
}

TEST_CASE("HEAD goes where GET goes") {
  Front front;
  CHECK(front.ask("HEAD", "/v1/devices").status() == 200);
  CHECK(front.ask("HEAD", "/v1/tokens/revoke").status() == 405);
  CHECK(front.send("HEAD", "/").status() == 200);
}

TEST_CASE("a slash in an id is written %2F, and the path is decoded once") {
  Front front;
  CHECK(front.ask("PUT", "/v1/devices/hall%2Fboiler:7", "{}").status() == 201);
  CHECK(front.ask("GET", "/v1/devices/hall%2fboiler%3A7").json()["id"] == "hall/boiler:7");
  CHECK(front.ask("GET", "/v1/devices/hall/boiler:7").status() == 404);
  const Outcome twice = front.ask("GET", "/v1/devices/%2541");
  check_problem(twice, 400, "invalid");
  CHECK(twice.json()["fields"][0]["path"] == "id");
}

TEST_CASE("a path that cannot be decoded, or not to UTF-8, is 400 and never echoed") {
  Front front;
  for (const char* path : {"/v1/devices/%", "/v1/devices/%zz", "/v1/commands/%ff",
                           "/v1/connections/%c3%28", "/v1/nothing/%ff", "/v1/\xff", "/%"}) {
    CAPTURE(path);
    const Outcome refused = front.ask("GET", path);
    check_problem(refused, 400, "invalid");
    CHECK(net::is_utf8(refused.response->body));
    CHECK(refused.json()["fields"][0]["path"] == "path");
  }
}

TEST_CASE("a page of another origin is refused before anything is done") {
  Front front;
  const Outcome refused =
      front.ask("PUT", "/v1/devices/a", "{}", {{"origin", "https://evil.example"}});
  check_problem(refused, 403, "forbidden");
  CHECK(refused.header("Access-Control-Allow-Origin").empty());
  CHECK(front.ask("GET", "/v1/devices/a").status() == 404);
  check_problem(front.send("OPTIONS", "/v1/devices", "", {{"origin", "https://evil.example"}}), 403,
                "forbidden");
}

TEST_CASE("a page of an allowed origin may read every answer, errors and preflights too") {
  Front front;
  const Front::HeaderList from_app = {{"origin", "https://app.example"}};
  for (const Outcome& outcome :
       {front.ask("GET", "/v1/devices", "", from_app), front.ask("GET", "/v1/x", "", from_app),
        front.send("GET", "/v1/devices", "", from_app),
        front.send("OPTIONS", "/v1/devices/a", "", from_app)}) {
    CHECK(outcome.header("Access-Control-Allow-Origin") == "https://app.example");
    CHECK(outcome.header("Vary") == "Origin");
    CHECK(outcome.header("Access-Control-Expose-Headers") == "Link, Retry-After, WWW-Authenticate");
  }
  const Outcome preflight = front.send("OPTIONS", "/v1/devices/a", "", from_app);
  CHECK(preflight.status() == 204);
  CHECK(preflight.header("Access-Control-Allow-Methods").find("PATCH") != std::string::npos);
  CHECK(preflight.header("Access-Control-Allow-Headers").find("Authorization") !=
        std::string::npos);
  CHECK(front.ask("GET", "/v1/devices").header("Access-Control-Allow-Origin").empty());
}

TEST_CASE("one principal's requests over its rate are refused until time has passed") {
  Front front({.of_hub = {.messages_per_second = 2, .burst = 3}});
  for (int i = 0; i < 3; ++i) CHECK(front.ask("GET", "/v1/devices").status() == 200);
  const Outcome refused = front.ask("GET", "/v1/devices");
  check_problem(refused, 429, "rate_limited");
  CHECK(refused.json()["retry_after_ms"] == 500);
  CHECK(refused.header("Retry-After") == "1");
  CHECK(front.send("GET", "/v1/devices", "", {{"authorization", "Bearer other.x.y"}}).status() ==
        200);
  CHECK(front.send("GET", "/healthz").status() == 200);
  front.site.hub.advance(500);
  CHECK(front.ask("GET", "/v1/devices").status() == 200);
  CHECK(front.ask("GET", "/v1/devices").status() == 429);
}

TEST_CASE("health and metrics are where the operator wants them, and nothing else is there") {
  Front all_but_admin({.serves = Serves::kAllButAdmin});
  Front admin_only({.serves = Serves::kAdminOnly});
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    CAPTURE(path);
    check_problem(all_but_admin.send("GET", path), 404, "not_found");
    CHECK(admin_only.send("GET", path).status() == 200);
  }
  for (const char* path : {"/", "/v1/devices", "/v1/openapi.json", "/v1/ws"}) {
    CAPTURE(path);
    CHECK(admin_only.ask("GET", path).status() == 404);
  }
}

TEST_CASE("readiness names what fails, and health does not mind") {
  Front front;
  CHECK(front.send("GET", "/readyz").json()["status"] == "ready");
  front.site.failing = {{"store", "no space left on \"disk\""}};
  const Outcome failing = front.send("GET", "/readyz");
  CHECK(failing.status() == 503);
  CHECK(failing.json()["failing"][0]["part"] == "store");
  CHECK(failing.json()["failing"][0]["why"] == "no space left on \"disk\"");
  CHECK(front.send("GET", "/healthz").status() == 200);
}

TEST_CASE("metrics are Prometheus text, each family with HELP and TYPE") {
  Front front;
  prometheus::MetricFamily family;
  family.name = "fairlead_devices";
  family.help = "Devices in the registry";
  family.type = prometheus::MetricType::Gauge;
  family.metric.emplace_back().gauge.value = 3;
  front.site.families = {family};
  const Outcome scraped = front.send("GET", "/metrics");
  CHECK(scraped.header("Content-Type").starts_with("text/plain; version=0.0.4"));
  CHECK(scraped.response->body ==
        "# HELP fairlead_devices Devices in the registry\n# TYPE fairlead_devices gauge\n"
        "fairlead_devices 3\n");
}

TEST_CASE("the page and the specifications need no token, the page runs only what is its own") {
  Front front;
  const Outcome page = front.send("GET", "/");
  CHECK(page.status() == 200);
  CHECK(page.header("Content-Type") == "text/html; charset=utf-8");
  const std::string policy = page.header("Content-Security-Policy");
  CHECK(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
  CHECK(policy.find("ws://hub.example wss://hub.example") != std::string::npos);
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(front.send("GET", "/app.js").header("Content-Type").starts_with("text/javascript"));
  for (const char* path : {"/v1/openapi.json", "/v1/asyncapi.json"}) {
    CHECK(front.send("GET", path).json().is_object());
  }
  for (const char* path : {"/../main.cpp", "/app.js/", "/v1/app.js", "/v1/index.json"}) {
    CAPTURE(path);
    CHECK(front.ask("GET", path).status() == 404);
  }
}

TEST_CASE("CSV and NDJSON name their next page, whatever the way to write the last one's cursor") {
  Front front;
  REQUIRE(front.ask("PUT", "/v1/devices/a", "{}").status() == 201);
  const std::string samples =
      R"({"samples":[{"ts":1,"metrics":{"n":1}},{"ts":2,"metrics":{"n":2}},{"ts":3,"metrics":{"n":3}}]})";
  REQUIRE(front.ask("POST", "/v1/devices/a/telemetry", samples).status() == 202);
  std::string target = "/v1/devices/a/telemetry?limit=1&metrics=n";
  std::string rows;
  for (int page = 1; page <= 3; ++page) {
    const Outcome outcome = front.ask("GET", target, "", {{"accept", "text/csv"}});
    REQUIRE(outcome.status() == 200);
    rows += outcome.response->body.substr(outcome.response->body.find("\r\n") + 2).substr(0, 3);
    const std::string link = outcome.header("Link");
    CHECK(link.empty() == (page == 3));
    if (link.empty()) break;
    CHECK(link.ends_with(">; rel=next"));
    target = link.substr(1, link.find('>') - 1);
    target.replace(target.find("cursor="), 1, "%63");
  }
  CHECK(rows == "1,12,23,3");
}

TEST_CASE("who may only send commands is answered with the command all the same") {
  Front front;
  REQUIRE(front.ask("PUT", "/v1/devices/a", "{}").status() == 201);
  front.site.scopes = {auth::Scope::kCommandSend};
  const Outcome sent =
      front.ask("POST", "/v1/devices/a/commands", R"({"name":"blink","delivery":"queue"})");
  CHECK(sent.status() == 201);
  CHECK(sent.json()["status"] == "pending");
  CHECK(front.ask("GET", "/v1/commands/" + sent.json()["command"].as_string()).status() == 403);
}

}  // namespace fairlead::http
