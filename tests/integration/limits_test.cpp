#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/failure.h"
#include "support/hub_process.h"
#include "support/ws_frame.h"

using namespace fairlead::support;

namespace {

/// The answer to a client's handshake.
HttpResponse handshake(const HubProcess& hub, const Token& token) {
  return upgrade(hub.port(), {.token = hub.sign(token)});
}

/// Of one sample of /metrics.
double metric(const HubProcess& hub, const std::string& name) {
  const std::string text = hub.anonymous().get("/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

/// Until the hub has noticed that somebody left.
template <typename Done>
void wait_until(Done&& done) {
  const Deadline deadline;
  while (!done()) {
    if (deadline.passed()) throw Failure("it did not happen in time");
  }
}

}  // namespace

TEST_CASE("the hub has as many WebSockets as it may, over all shards, and 503 beyond") {
  const HubProcess hub({.settings = {"limits.connections=5", "runtime.shards=2"}});
  std::vector<std::unique_ptr<WsClient>> clients;
  clients.reserve(5);
  for (int i = 0; i < 5; ++i) {
    clients.push_back(
        std::make_unique<WsClient>(hub.client(Token::client(fmt::format("c{}", i)).may_do_all())));
  }
  for (int i = 0; i < 10; ++i) {
    const HttpResponse refused = handshake(hub, Token::client("late").may_do_all());
    CHECK(refused.status == 503);
    CHECK(refused.json()["code"] == "overloaded");
    CHECK(!refused.header("retry-after").empty());
  }
  // HTTP is served all the same.
  CHECK(hub.http().get("/v1/devices").status == 200);
  CHECK(metric(hub, "fairlead_refused_connections_total{reason=\"connections\"}") == 10);
  clients.pop_back();
  wait_until([&] { return handshake(hub, Token::client("late").may_do_all()).status == 101; });
}

TEST_CASE("a client has as many connections as it may, whichever way it says who it is") {
  const HubProcess hub({.settings = {"limits.connections_per_principal=2", "runtime.shards=2"}});
  const Token many = Token::client("many").may_do_all();
  std::vector<std::unique_ptr<WsClient>> clients;
  clients.reserve(5);
  for (int i = 0; i < 2; ++i) clients.push_back(std::make_unique<WsClient>(hub.client(many)));
  const HttpResponse refused = handshake(hub, many);
  CHECK(refused.status == 429);
  CHECK(refused.json()["code"] == "rate_limited");
  CHECK(!refused.header("retry-after").empty());
  WsClient late(hub.port(), {});
  late.send(obj("type", "auth", "id", "1", "token", hub.sign(many)));
  const Json error = late.expect_error("rate_limited");
  CHECK(error["id"] == "1");
  CHECK(error["retry_after_ms"].as_int() > 0);
  late.expect_close(4429);
  // Another client of the tenant, and the same name in another tenant, are others.
  hub.client(Token::client("other").may_do_all()).expect_nothing();
  hub.client(Token::client("many").tenant("elsewhere").may_do_all()).expect_nothing();
  clients.pop_back();
  wait_until([&] { return handshake(hub, many).status == 101; });
}

TEST_CASE("silent sockets do not keep those out who have shown who they are") {
  const HubProcess hub({.settings = {"limits.handshakes=3", "runtime.shards=2"}});
  WsClient client = hub.client();
  WsClient unknown(hub.port(), {});
  std::vector<std::unique_ptr<HttpConnection>> silent;
  silent.reserve(2);
  for (int i = 0; i < 2; ++i) silent.push_back(std::make_unique<HttpConnection>(hub.port()));
  wait_until([&] {
    HttpConnection next(hub.port());
    next.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    try {
      return next.receive().status == 503;
    } catch (const Failure&) {
      // Turned away before it had sent its request: a reset.
      return true;
    }
  });
  client.expect_nothing();
  // Each that shows who it is makes room for another.
  unknown.send(obj("type", "auth", "token", hub.sign(Token::client("late").may_do_all())));
  unknown.expect("welcome");
  CHECK(metric(hub, "fairlead_refused_connections_total{reason=\"handshakes\"}") > 0);
  CHECK(metric(hub, "fairlead_handshakes") == 2);
}

TEST_CASE("one address has as many sockets as it may") {
  const HubProcess hub({.settings = {"limits.connections_per_ip=3", "runtime.shards=2"}});
  std::vector<std::unique_ptr<WsClient>> clients;
  clients.reserve(5);
  for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<WsClient>(hub.client()));
  HttpConnection late(hub.port());
  CHECK(late.receive().status == 429);
  clients.pop_back();
  wait_until([&] {
    HttpConnection next(hub.port());
    try {
      next.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
      return next.receive().status == 200;
    } catch (const Failure&) {
      return false;
    }
  });
}

TEST_CASE(
    "many slow readers together hold no more than the hub may, and a fast one misses nothing") {
  constexpr std::int64_t kBound = 16 << 20;
  const HubProcess hub(
      {.settings = {fmt::format("limits.memory_bytes={}", kBound), "limits.outbox_bytes=4194304",
                    "limits.messages_per_second=100000", "limits.burst=100000"}});
  WsClient device = hub.device("boiler");
  std::vector<std::unique_ptr<WsClient>> slow;
  slow.reserve(20);
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<WsClient>(
        hub.port(), WsOptions{.token = hub.sign(Token::client(fmt::format("s{}", i)).may_do_all()),
                              .receive_buffer_bytes = 4096}));
    slow.back()->expect("welcome");
    slow.back()->ack(obj("type", "subscribe", "devices", Json::Array{"boiler"}));
  }
  WsClient fast = hub.client();
  fast.ack(obj("type", "subscribe", "devices", Json::Array{"boiler"}));
  Json::Object metrics;
  metrics.reserve(30);
  for (int i = 0; i < 30; ++i) metrics.emplace_back(fmt::format("m{}", i), std::string(1000, 'x'));
  std::int64_t most = 0;
  for (int n = 1; n <= 400; ++n) {
    device.ack(obj("type", "telemetry", "metrics", Json(metrics)));
    CHECK(fast.expect("telemetry")["offset"] == n);
    if (n % 20 == 0) {
      const double queued = metric(hub, "fairlead_memory_bytes{kind=\"queued\"}");
      most = std::max(most, static_cast<std::int64_t>(queued));
    }
  }
  // Without the bound each would hold 2 MiB.
  CHECK(most >= kBound / 2);
  CHECK(most <= kBound + kBound / 8);
}

TEST_CASE("who holds most of too much memory is told so and ends with 1013, the others go on") {
  const HubProcess hub(
      {.settings = {"runtime.shards=1", "limits.memory_bytes=2097152",
                    "limits.outbox_bytes=1048576", "limits.max_message_bytes=1048576"}});
  const std::string message =
      encode_masked({.opcode = kText,
                     .payload = obj("type", "heartbeat", "pad", std::string(950'000, 'x')).dump()});
  constexpr std::size_t kPart = 900'000;
  std::vector<WsClient> devices;
  devices.reserve(3);
  for (int i = 0; i < 3; ++i) devices.push_back(hub.device(fmt::format("boiler-{}", i)));
  for (WsClient& device : devices) {
    device.send_raw(std::string_view(message).substr(0, kPart));
    // In this order: the first holds as much as any other when it is too much.
    if (&device == &devices.back()) break;
    const double before = &device == &devices.front() ? 1 : 2;
    wait_until(
        [&] { return metric(hub, "fairlead_memory_bytes{kind=\"received\"}") > 850'000 * before; });
  }
  CHECK(devices[0].expect_error("overloaded")["retry_after_ms"].as_int() > 0);
  CHECK(devices[0].expect_close(1013).reason == "short of memory");
  for (std::size_t i = 1; i < devices.size(); ++i) {
    devices[i].send_raw(std::string_view(message).substr(kPart));
    devices[i].expect("heartbeat");
  }
}

TEST_CASE("a device's and a tenant's rates hold for WebSocket and HTTP together") {
  const HubProcess hub({.settings = {"limits.device_messages_per_second=1", "limits.device_burst=2",
                                     "limits.tenant_messages_per_second=5",
                                     "limits.tenant_burst=10", "runtime.shards=2"}});
  const Json sample = obj("metrics", obj("n", 1));
  // Time passes while a test runs: a few more than the burst may get through.
  constexpr int kMany = 200;
  WsClient device = hub.device("one");
  device.ack(sample.with("type", "telemetry"));
  HttpResponse posted;
  const HttpClient http = hub.http();
  for (int i = 0; i < kMany && posted.status != 429; ++i) {
    posted = http.post("/v1/devices/one/telemetry", sample);
  }
  REQUIRE(posted.status == 429);
  CHECK(posted.json()["detail"] == "over 1 messages a second of this device");
  CHECK(!posted.header("retry-after").empty());
  WsClient client = hub.client();
  Json answer = obj();
  for (int i = 0; i < kMany && answer["type"] != "error"; ++i) {
    answer = client.request(obj("type", "heartbeat"));
  }
  CHECK(answer["code"] == "rate_limited");
  CHECK(answer["message"] == "over 5 messages a second of this tenant");
  CHECK(answer["retry_after_ms"].as_int() > 0);
  CHECK(answer["retry_after_ms"].as_int() <= 200);
  HttpResponse listed;
  for (int i = 0; i < kMany && listed.status != 429; ++i) listed = http.get("/v1/devices");
  CHECK(listed.status == 429);
  CHECK(hub.http("elsewhere").get("/v1/devices").status == 200);
}
