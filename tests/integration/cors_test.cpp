// What a web page of another origin may do with the REST API.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared({.settings = {"http.allowed_origins=https://app.example"}});
  return shared;
}

std::string origin(const std::string& of) { return "Origin: " + of; }

constexpr const char* kApp = "https://app.example";

void check_readable(const HttpResponse& response) {
  CHECK(response.header("access-control-allow-origin") == kApp);
  // Beside what else it may vary by.
  const std::pair<std::string, std::string> varies("vary", "Origin");
  CHECK(std::ranges::count(response.headers, varies) == 1);
  const std::string exposed = response.header("access-control-expose-headers");
  for (const char* name : {"Link", "Retry-After", "WWW-Authenticate"}) {
    CHECK(exposed.find(name) != std::string::npos);
  }
  // Tokens are no cookies: the browser need not send any.
  CHECK(response.header("access-control-allow-credentials").empty());
}

}  // namespace

TEST_CASE("a preflight of an allowed origin tells what its pages may send, without a token") {
  const HttpResponse answer =
      hub().anonymous().request("OPTIONS", "/v1/devices/a", std::nullopt,
                                {origin(kApp), "Access-Control-Request-Method: PATCH",
                                 "Access-Control-Request-Headers: authorization, content-type"});
  CHECK(answer.status == 204);
  check_readable(answer);
  CHECK(answer.header("access-control-allow-methods") == "GET, HEAD, POST, PUT, PATCH, DELETE");
  CHECK(answer.header("access-control-allow-headers") == "Authorization, Content-Type, Accept");
  CHECK(answer.header("access-control-max-age") == "600");
}

TEST_CASE("a page of an allowed origin may read answers and errors of every kind") {
  const std::vector<std::string> headers = {origin(kApp)};
  const HttpClient http = hub().http();
  const auto put = http.request("PUT", "/v1/devices/a", obj("name", "A").dump(), headers);
  CHECK(put.status == 201);
  check_readable(put);
  const auto bad = http.request("PUT", "/v1/devices/a", obj("name", 5).dump(), headers);
  CHECK(bad.status == 400);
  check_readable(bad);
  const auto listed = http.get("/v1/devices", headers);
  CHECK(listed.status == 200);
  check_readable(listed);
  const auto missing = http.get("/v1/devices/none", headers);
  CHECK(missing.status == 404);
  check_readable(missing);
  const auto asked = hub().anonymous().get("/v1/devices", headers);
  CHECK(asked.status == 401);
  CHECK(!asked.header("www-authenticate").empty());
  check_readable(asked);
  const auto forbidden =
      hub().http(Token::client("x").scope("device:write")).get("/v1/devices", headers);
  CHECK(forbidden.status == 403);
  check_readable(forbidden);
  const auto rows =
      http.get("/v1/devices/a/telemetry", {origin(kApp), "Accept: application/x-ndjson"});
  CHECK(rows.status == 200);
  check_readable(rows);
}

TEST_CASE("a page of an allowed origin may read why its request was not even looked at") {
  const HubProcess impatient(
      {.settings = {"http.allowed_origins=https://app.example", "http.request_timeout_ms=1000"}});
  const auto answer_to = [&impatient](const std::string& from, const std::string& headers) {
    HttpConnection connection(impatient.port());
    connection.send("PUT /v1/devices/a HTTP/1.1\r\nHost: h\r\n" + origin(from) + "\r\n" + headers +
                    "\r\n");
    return connection.receive();
  };
  const auto large = answer_to(kApp, "Content-Length: 16777217\r\n");
  CHECK(large.status == 413);
  check_readable(large);
  const auto slow = answer_to(kApp, "Content-Length: 10\r\n");
  CHECK(slow.status == 408);
  check_readable(slow);
  const auto foreign = answer_to("https://evil.example", "Content-Length: 16777217\r\n");
  CHECK(foreign.status == 413);
  CHECK(foreign.header("access-control-allow-origin").empty());
}

TEST_CASE("a page of another origin is refused, preflights too, and changes nothing") {
  const HttpClient http = hub().http();
  for (const char* other : {"https://evil.example", "http://app.example", "null"}) {
    CAPTURE(other);
    const auto put = http.request("PUT", "/v1/devices/evil", obj().dump(), {origin(other)});
    CHECK(put.status == 403);
    CHECK(put.header("access-control-allow-origin").empty());
    const auto preflight =
        hub().anonymous().request("OPTIONS", "/v1/devices", std::nullopt, {origin(other)});
    CHECK(preflight.status == 403);
    CHECK(preflight.header("access-control-allow-origin").empty());
  }
  CHECK(http.get("/v1/devices/evil").status == 404);
}

TEST_CASE("who is no web page is told nothing of origins") {
  const auto answer = hub().http().get("/v1/devices");
  CHECK(answer.status == 200);
  CHECK(answer.header("access-control-allow-origin").empty());
}
