#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

const std::string& bearer() {
  static const std::string line =
      "Authorization: Bearer " + hub().sign(Token::client("raw").may_do_all()) + "\r\n";
  return line;
}

std::string get(std::string_view target, std::string_view headers = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}{}\r\n", target, bearer(), headers);
}

std::string put(std::string_view target, std::string_view headers, std::string_view body) {
  return fmt::format("PUT {} HTTP/1.1\r\nHost: x\r\n{}{}\r\n{}", target, bearer(), headers, body);
}

HttpResponse answer(std::string_view request) {
  HttpConnection connection(hub().port());
  connection.send(request);
  return connection.receive();
}

void check_problem(const HttpResponse& response, int status) {
  CAPTURE(response.body);
  CHECK(response.status == status);
  CHECK(response.header("content-type").starts_with("application/problem+json"));
  const Json problem = response.json();
  CHECK(problem["status"] == status);
  CHECK(problem["type"].is_string());
  CHECK(problem["title"].is_string());
  CHECK(problem["detail"].is_string());
  CHECK(problem["code"].is_string());
}

}  // namespace

TEST_CASE("requests in one packet are answered in their order on one connection") {
  const std::string id = unique("pump");
  HttpConnection connection(hub().port());
  connection.send(put("/v1/devices/" + id, "Content-Length: 2\r\n", "{}") +
                  get("/v1/devices/" + id) + get("/v1/nothing") + get("/healthz"));
  CHECK(connection.receive().status == 201);
  CHECK(connection.receive().json()["id"] == id);
  CHECK(connection.receive().status == 404);
  CHECK(connection.receive().status == 200);
}

TEST_CASE("a connection is kept alive unless one side says otherwise") {
  HttpConnection connection(hub().port());
  for (int i = 0; i < 3; ++i) {
    connection.send(get("/healthz"));
    CHECK(connection.receive().status == 200);
  }
  connection.send(get("/healthz", "Connection: close\r\n"));
  CHECK(connection.receive().status == 200);
  CHECK(connection.is_closed_by_peer());

  HttpConnection old(hub().port());
  old.send("GET /healthz HTTP/1.0\r\n\r\n");
  CHECK(old.receive().status == 200);
  CHECK(old.is_closed_by_peer());
  HttpConnection kept(hub().port());
  kept.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(kept.receive().status == 200);
  kept.send(get("/healthz"));
  CHECK(kept.receive().status == 200);
}

TEST_CASE("HEAD has the headers of GET and no body") {
  HttpConnection connection(hub().port());
  connection.send(fmt::format("HEAD /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n") +
                  get("/v1/openapi.json"));
  const HttpResponse head = connection.receive(true);
  const HttpResponse whole = connection.receive();
  CHECK(head.status == 200);
  CHECK(whole.status == 200);
  CHECK(head.header("content-length") == std::to_string(whole.body.size()));
  CHECK(head.header("content-type") == whole.header("content-type"));
}

TEST_CASE("a response has a date and a type, and an error is a problem document") {
  const HttpResponse response = answer(get("/v1/devices"));
  CHECK(!response.header("date").empty());
  CHECK(response.header("content-type").starts_with("application/json"));
  check_problem(answer(get("/v1/nothing")), 404);
  check_problem(answer("GET /v1/devices HTTP/1.1\r\nHost: x\r\n\r\n"), 401);
  const HttpResponse refused = answer("GET /v1/devices HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(refused.header("www-authenticate").starts_with("Bearer"));
}

TEST_CASE("another method on a path that is there is 405 and told which are allowed") {
  const HttpResponse response =
      answer(fmt::format("DELETE /v1/devices HTTP/1.1\r\nHost: x\r\n{}\r\n", bearer()));
  check_problem(response, 405);
  CHECK(response.header("allow").find("GET") != std::string::npos);
  CHECK(answer("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").status == 405);
}

TEST_CASE("a body may come in chunks, with extensions and trailers") {
  const std::string id = unique("pump");
  HttpConnection connection(hub().port());
  connection.send(put("/v1/devices/" + id, "Transfer-Encoding: chunked\r\n",
                      "5;x=y\r\n{\"nam\r\n8\r\ne\":\"P\"} \r\n0\r\nTrailer: x\r\n\r\n") +
                  get("/v1/devices/" + id));
  CHECK(connection.receive().status == 201);
  CHECK(connection.receive().json()["name"] == "P");
}

TEST_CASE("one that expects 100 is told to go on, or is refused before its body") {
  const std::string id = unique("pump");
  HttpConnection connection(hub().port());
  connection.send(put("/v1/devices/" + id, "Content-Length: 2\r\nExpect: 100-continue\r\n", ""));
  CHECK(connection.receive().status == 100);
  connection.send("{}");
  CHECK(connection.receive().status == 201);
  HttpConnection large(hub().port());
  large.send(put("/v1/devices/" + id, "Content-Length: 999999999\r\nExpect: 100-continue\r\n", ""));
  CHECK(large.receive().status == 413);
  CHECK(answer(put("/v1/devices/" + id, "Content-Length: 2\r\nExpect: magic\r\n", "{}")).status ==
        417);
}

TEST_CASE("a request whose length can be read in two ways is refused and the connection closed") {
  const std::string target = "/v1/devices/" + unique("smuggled");
  const std::string hidden = "GET /v1/hidden HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* headers : {
           "Content-Length: 2\r\nContent-Length: 3\r\n",
           "Content-Length: 2, 3\r\n",
           "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
           "Transfer-Encoding: gzip\r\nContent-Length: 2\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: chunked, chunked\r\n",
           "Transfer-Encoding: chunked, identity\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding : chunked\r\n",
           "Transfer-Encoding:\013chunked\r\n",
           " Transfer-Encoding: chunked\r\n",
           "X: y\r\n Content-Length: 2\r\n",
           "Content-Length: +2\r\n",
           "Content-Length: -2\r\n",
           "Content-Length: 0x2\r\n",
           "Content-Length: 2 2\r\n",
           "Content-Length: \r\n",
           "Content-Length: 99999999999999999999999\r\n",
       }) {
    CAPTURE(headers);
    HttpConnection connection(hub().port());
    connection.send(put(target, headers, "{}" + hidden));
    const HttpResponse response = connection.receive();
    CHECK((response.status == 400 || response.status == 413 || response.status == 501));
    CHECK(connection.is_closed_by_peer());
  }
  CHECK(answer(get(target)).status == 404);
}

TEST_CASE("chunks that are none are refused") {
  for (const char* body : {"x\r\n{}\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n",
                           "2\n{}\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n"}) {
    CAPTURE(body);
    const auto response =
        answer(put("/v1/devices/" + unique("pump"), "Transfer-Encoding: chunked\r\n", body));
    CHECK((response.status == 400 || response.status == 413));
  }
}

TEST_CASE("what is no HTTP is refused with 4xx or 5xx, and the hub lives") {
  using namespace std::string_literals;
  for (const std::string& request : {
           "garbage\r\n\r\n"s,
           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s,
           "GET\r\n\r\n"s,
           "GET / HTTP/1.1\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"s,
           "GET / HTTP/2.0\r\nHost: x\r\n\r\n"s,
           "GET / HTTP/1.2\r\nHost: x\r\n\r\n"s,
           "GET / HTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "G@T / HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET nothing HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nNoColon\r\n\r\n"s,
           "GET / HTTP/1.1\nHost: x\n\n"s,
           "GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n"s,
       }) {
    CAPTURE(request);
    HttpConnection connection(hub().port());
    connection.send(request);
    const HttpResponse response = connection.receive();
    CHECK(response.status >= 400);
    CHECK(response.status <= 505);
    CHECK(connection.is_closed_by_peer());
  }
  CHECK(answer(get("/healthz")).status == 200);
}

TEST_CASE("headers over 32 KiB are 431, below it they are read") {
  const std::string long_header = "X-Long: " + std::string(31 * 1024, 'x') + "\r\n";
  CHECK(answer(get("/healthz", long_header)).status == 200);
  check_problem(answer(get("/healthz", "X-Long: " + std::string(33 * 1024, 'x') + "\r\n")), 431);
  std::string many;
  for (int i = 0; i < 4000; ++i) many += fmt::format("X-{}: yyyyyyyy\r\n", i);
  check_problem(answer(get("/healthz", many)), 431);
}

TEST_CASE("a body over 16 MiB is 413, told by its length or found out by its chunks") {
  const std::string target = "/v1/devices/" + unique("pump");
  check_problem(answer(put(target, "Content-Length: 16777217\r\n", "")), 413);
  HttpConnection connection(hub().port());
  connection.send(put(target, "Transfer-Encoding: chunked\r\n", ""));
  const std::string chunk = fmt::format("{:x}\r\n{}\r\n", 1U << 20U, std::string(1U << 20U, ' '));
  for (int i = 0; i < 17; ++i) connection.send(chunk);
  CHECK(connection.receive().status == 413);
  CHECK(answer(get("/healthz")).status == 200);
}

TEST_CASE("a path is decoded once, and one that cannot be is refused") {
  for (const char* target : {"/v1/devices/%", "/v1/devices/%4", "/v1/devices/%zz"}) {
    CAPTURE(target);
    CHECK(answer(get(target)).status == 400);
  }
  CHECK(answer(get("/v1/devices/%2541")).status == 400);  // "%41" is no device id.
  CHECK(answer(get("/v1/devices/../../healthz")).status >= 400);
}

TEST_CASE("a request may come byte by byte") {
  HttpConnection connection(hub().port());
  for (const char c : get("/healthz")) connection.send(std::string_view(&c, 1));
  CHECK(connection.receive().status == 200);
}

TEST_CASE("a client that ends its side after a request still gets the answer") {
  HttpConnection connection(hub().port());
  connection.send(get("/v1/devices"));
  connection.socket().shut_writing();
  CHECK(connection.receive().status == 200);
}

TEST_CASE("a principal has one rate, however many shards its connections are on") {
  const HubProcess own(
      {.settings = {"limits.messages_per_second=1", "limits.burst=8", "runtime.shards=2"}});
  const std::string token = own.sign(Token::client("many").may_do_all());
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<HttpConnection>> connections;
  for (int i = 0; i < 64; ++i) {
    connections.push_back(std::make_unique<HttpConnection>(own.port()));
    connections.back()->send("GET /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                             token + "\r\n\r\n");
  }
  int good = 0;
  for (const auto& connection : connections) good += connection->receive().status == 200 ? 1 : 0;
  const auto took =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
  CHECK(good >= 8);
  CHECK(good <= 8 + took.count() + 1);
}

TEST_CASE("one principal's requests over its rate are 429 and told when to come again") {
  const HubProcess own({.settings = {"limits.messages_per_second=5", "limits.burst=5"}});
  const auto http = own.http();
  int refused = 0;
  for (int i = 0; i < 30 && refused == 0; ++i) {
    const HttpResponse response = http.get("/v1/devices");
    if (response.status == 200) continue;
    check_problem(response, 429);
    CHECK(response.json()["code"] == "rate_limited");
    CHECK(response.json()["retry_after_ms"].as_int() > 0);
    CHECK(!response.header("retry-after").empty());
    ++refused;
  }
  CHECK(refused == 1);
  // Another principal is not held back, and what needs no token neither.
  CHECK(own.http().get("/v1/devices").status == 200);
  for (int i = 0; i < 20; ++i) CHECK(own.anonymous().get("/healthz").status == 200);
}
