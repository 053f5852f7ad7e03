#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>

#include <memory>
#include <set>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

TEST_CASE("a hub without connections stops at once with exit code 0") {
  HubProcess hub;
  CHECK(hub.stop() == 0);
  HubProcess interrupted;
  interrupted.process().signal(SIGINT);
  CHECK(interrupted.process().wait() == 0);
}

TEST_CASE("a drain tells each connection when to come back, spread, and closes it with 1012") {
  HubProcess hub;
  std::vector<WsClient> clients;
  clients.reserve(8);
  for (int i = 0; i < 8; ++i) clients.push_back(hub.device(fmt::format("d-{}", i)));
  hub.process().signal(SIGTERM);
  std::set<std::int64_t> delays;
  for (WsClient& client : clients) {
    const Json error = client.expect("error");
    CHECK(error["retry_after_ms"].as_int() > 0);
    delays.insert(error["retry_after_ms"].as_int());
    client.expect_close(1012);
  }
  CHECK(delays.size() > 1);
  CHECK(hub.process().wait() == 0);
}

TEST_CASE("what was sent before a drain is acked and stored, or neither") {
  HubProcess hub;
  WsClient device = hub.device("boiler");
  for (int seq = 1; seq <= 300; ++seq) {
    device.send(obj("type", "telemetry", "id", seq, "seq", seq, "metrics", obj("n", seq)));
  }
  hub.process().signal(SIGTERM);
  std::int64_t acked = 0;
  Json message;
  while ((message = device.receive())["type"] == "ack") acked = message["last_seq"].as_int();
  CHECK(message["type"] == "error");
  device.expect_close(1012);
  CHECK(hub.process().wait() == 0);
  hub.start();
  std::int64_t stored = 0;
  for (const Json& row : hub.http().list("/v1/devices/boiler/telemetry")) {
    CHECK(row["metrics"]["n"] == ++stored);
  }
  CHECK(stored == acked);
}

TEST_CASE("what was posted before a drain is answered, or is not stored") {
  HubProcess hub;
  REQUIRE(hub.http().put("/v1/devices/boiler", obj()).status == 201);
  const std::string token = hub.sign(Token::client("poster").may_do_all());
  std::vector<std::unique_ptr<HttpConnection>> posts;
  for (int n = 1; n <= 40; ++n) {
    const std::string body = obj("metrics", obj("n", n)).dump();
    posts.push_back(std::make_unique<HttpConnection>(hub.port()));
    posts.back()->send(
        fmt::format("POST /v1/devices/boiler/telemetry HTTP/1.1\r\nHost: x\r\n"
                    "Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{}",
                    token, body.size(), body));
  }
  hub.process().signal(SIGTERM);
  std::set<std::int64_t> answered;
  for (std::size_t i = 0; i < posts.size(); ++i) {
    try {
      if (posts[i]->receive().status == 202) answered.insert(static_cast<std::int64_t>(i) + 1);
    } catch (const Failure&) {
      // Without an answer it must not be stored either.
      continue;
    }
  }
  CHECK(hub.process().wait() == 0);
  hub.start();
  std::set<std::int64_t> stored;
  for (const Json& row : hub.http().list("/v1/devices/boiler/telemetry")) {
    stored.insert(row["metrics"]["n"].as_int());
  }
  CHECK(fmt::format("{}", fmt::join(stored, " ")) == fmt::format("{}", fmt::join(answered, " ")));
}

TEST_CASE("silent peers do not hold up the end for more than 10 s") {
  HubProcess hub;
  WsClient silent = hub.device("silent");
  WsClient waiting(hub.port(), {});
  HttpConnection half(hub.port());
  half.send("POST /v1/devices/x/telemetry HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  hub.process().signal(SIGTERM);
  CHECK(hub.process().wait(Deadline{Milliseconds{10'000}}) == 0);
}

TEST_CASE("a second SIGTERM ends it at once") {
  HubProcess hub;
  WsClient silent = hub.device("silent");
  hub.process().signal(SIGTERM);
  // The drain has begun: the device was told.
  silent.expect("error");
  hub.process().signal(SIGTERM);
  hub.process().wait(Deadline{Milliseconds{5'000}});
}

TEST_CASE("a drain accepts nobody any more") {
  HubProcess hub;
  WsClient silent = hub.device("silent");
  hub.process().signal(SIGTERM);
  silent.expect("error");
  CHECK_THROWS_AS(hub.device("late"), Failure);
}

TEST_CASE("an answer that is under way is finished before the end") {
  HubProcess hub;
  WsClient device = hub.device("boiler");
  HttpConnection connection(hub.port());
  const std::string body = R"({"name":"x"})";
  connection.send(
      fmt::format("POST /v1/devices/boiler/commands?wait_ms=60000 HTTP/1.1\r\nHost: x\r\n"
                  "Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{}",
                  hub.sign(Token::client("x").may_do_all()), body.size(), body));
  device.expect("command");
  hub.process().signal(SIGTERM);
  const HttpResponse answer = connection.receive();
  CHECK(answer.status == 201);
  // As it stands at that moment: the device may be quicker than the commit of its delivery.
  CHECK((answer.json()["status"] == "delivered" || answer.json()["status"] == "pending"));
  CHECK(hub.process().wait() == 0);
}

TEST_CASE("devices and their commands take up after a drain where they were") {
  HubProcess hub;
  WsClient client = hub.client();
  WsClient device = hub.device("boiler");
  device.ack(obj("type", "telemetry", "seq", 9, "epoch", "e", "metrics", obj("n", 1)));
  const Json key = client.ack(obj("type", "command.send", "device", "boiler", "name", "x",
                                  "timeout_ms", 600'000))["command"];
  device.expect("command");
  CHECK(hub.stop() == 0);
  hub.start();
  WsClient again(hub.port(), {.token = hub.sign(Token::device("boiler"))});
  CHECK(again.expect("welcome")["telemetry"] == obj("epoch", "e", "last_seq", 9));
  const Json command = again.expect("command");
  CHECK(command["command"] == key);
  CHECK(command["attempt"] == 2);
}
