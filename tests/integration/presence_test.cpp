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

WsClient watcher_of(const HubProcess& of, const std::string& id) {
  WsClient client = of.client();
  client.ack(obj("type", "subscribe", "devices", arr(id), "events", arr("presence")));
  return client;
}

}  // namespace

TEST_CASE("presence tells connects and disconnects with the session that they belong to") {
  const std::string id = unique("boiler");
  WsClient watcher = watcher_of(hub(), id);
  for (int session = 1; session <= 3; ++session) {
    const std::int64_t before = now_ms();
    WsClient device = hub().device(id);
    const Json on = watcher.expect("presence");
    CHECK(on["device"] == id);
    CHECK(on["connected"] == true);
    CHECK(on["session"] == session);
    CHECK(on["reason"].is_null());
    CHECK(on["at"].as_int() >= before);
    device.close();
    const Json off = watcher.expect("presence");
    CHECK(off["connected"] == false);
    CHECK(off["session"] == session);
    CHECK(off["reason"] == "closed with 1000");
    CHECK(off["last_seen"].as_int() >= before);
  }
}

TEST_CASE("a disconnect has the reason that the peer gave, or says that the connection was lost") {
  const std::string id = unique("boiler");
  WsClient watcher = watcher_of(hub(), id);
  const auto reason = [&] {
    CHECK(watcher.expect("presence")["connected"] == true);
    return watcher.expect("presence")["reason"].as_string();
  };
  WsClient polite = hub().device(id);
  polite.send_close(1001, "battery low");
  CHECK(reason() == "battery low");
  WsClient reset = hub().device(id);
  reset.socket().reset();
  CHECK(reason() == "connection lost");
  WsClient ended = hub().device(id);
  ended.socket().close();
  CHECK(reason() == "connection lost");
}

TEST_CASE("a newer connection replaces the older, which is closed with 4409, without an event") {
  const std::string id = unique("boiler");
  WsClient watcher = watcher_of(hub(), id);
  WsClient first = hub().device(id);
  CHECK(watcher.expect("presence")["session"] == 1);
  WsClient second = hub().device(id);
  first.expect_close(4409);
  watcher.expect_nothing();
  second.ack(obj("type", "telemetry", "metrics", obj("n", 1)));
  CHECK(hub().http().get("/v1/devices/" + id).json()["connected"] == true);
  CHECK(hub().http().get("/v1/devices/" + id).json()["session"] == 2);
  second.close();
  const Json off = watcher.expect("presence");
  CHECK(off["connected"] == false);
  CHECK(off["session"] == 2);
}

TEST_CASE("clients of one name may connect many times") {
  const Token token = Token::client("panel").may_do_all();
  WsClient first = hub().client(token);
  WsClient second = hub().client(token);
  first.expect_nothing();
  second.expect_nothing();
}

TEST_CASE("two holders of one identity that keep replacing each other are refused for a while") {
  const std::string id = unique("twin");
  const std::string token = hub().sign(Token::device(id));
  std::vector<WsClient> connections;
  bool refused = false;
  for (int i = 0; i < 13 && !refused; ++i) {
    try {
      connections.emplace_back(hub().port(), WsOptions{.token = token}).expect("welcome");
    } catch (const Failure& failure) {
      const std::string text = failure.what();
      CAPTURE(text);
      CHECK(text.find("rate_limited") != std::string::npos);
      // Ten replacements are forgiven: eleven connections.
      CHECK(i >= 11);
      refused = true;
    }
  }
  if (!refused) {
    Json error = connections.back().expect_error("rate_limited");
    CHECK(error["retry_after_ms"].as_int() > 0);
    connections.back().expect_close(4429);
  }
  // Also one that comes after them, though nobody is there to be replaced.
  WsClient third(hub().port(), {.token = token});
  const Json error = third.expect_error("rate_limited");
  CHECK(error["retry_after_ms"].as_int() > 0);
  CHECK(error["retry_after_ms"].as_int() <= 60'000);
  third.expect_close(4429);
}

TEST_CASE("one that answers no ping is closed with 4408, one that does is not") {
  const HubProcess own({.settings = {"presence.heartbeat_ms=1000"}});
  const std::string id = "boiler";
  WsClient watcher = watcher_of(own, id);
  WsClient device(own.port(), {.token = own.sign(Token::device(id)), .answers_pings = false});
  device.expect("welcome");
  CHECK(watcher.expect("presence")["connected"] == true);
  int pings = 0;
  Frame frame;
  while ((frame = device.receive_frame()).opcode == kPing) {
    ++pings;
    watcher.expect_nothing();  // Its own sign of life.
  }
  CHECK(pings == 2);
  REQUIRE(frame.opcode == kText);
  CHECK(Json::parse(frame.payload)["type"] == "error");
  device.expect_close(4408);
  const Json off = watcher.expect("presence");
  CHECK(off["connected"] == false);
  CHECK(off["reason"] == "heartbeat timeout");
}

TEST_CASE("any frame is a sign of life") {
  const HubProcess own({.settings = {"presence.heartbeat_ms=1000"}});
  WsClient device(own.port(), {.token = own.sign(Token::device("boiler")), .answers_pings = false});
  device.expect("welcome");
  // Whatever the clock does meanwhile: after each ping one message, and it is never closed.
  for (int i = 0; i < 3; ++i) {
    const Frame frame = device.receive_frame();
    REQUIRE(frame.opcode == kPing);
    device.send(obj("type", "heartbeat", "id", i));
    const Frame reply = device.receive_frame();
    REQUIRE(reply.opcode == kText);
    CHECK(Json::parse(reply.payload)["id"] == i);
  }
}

TEST_CASE("a hub that starts knows nobody as connected") {
  HubProcess own;
  WsClient device = own.device("boiler");
  CHECK(own.http().get("/v1/devices/boiler").json()["connected"] == true);
  own.restart();
  CHECK(own.http().get("/v1/devices/boiler").json()["connected"] == false);
  WsClient watcher = watcher_of(own, "boiler");
  WsClient again = own.device("boiler");
  CHECK(watcher.expect("presence")["session"] == 2);
}
