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

std::string nested(int depth) {
  const auto levels = static_cast<std::size_t>(depth - 1);
  return fmt::format(R"({{"type":"heartbeat","id":1,"x":{}1{}}})", std::string(levels, '['),
                     std::string(levels, ']'));
}

}  // namespace

TEST_CASE("what is not a JSON object with a type is a bad_message, and the connection goes on") {
  WsClient client = hub().client();
  const std::vector<std::string> bad = {
      "",
      "{",
      "[]",
      "null",
      "\"heartbeat\"",
      "{}",
      R"({"type":5})",
      R"({"type":null})",
      R"({"type":"heartbeat"} x)",
      R"({"type":"heartbeat",})",
      R"({"type":"heartbeat","x":01})",
      R"({"type":"heartbeat","x":1.})",
      R"({"type":"heartbeat","x":-})",
      R"({"type":"heartbeat","x":nul})",
      R"({"type":"heartbeat","x":1e999})",
      R"({"type":"heartbeat","x":"\ud800"})",
      R"({"type":"heartbeat","x":"\udc00"})",
      R"({"type":"heartbeat","\udc00":1})",
      R"({"type":"heartbeat","x":"\x"})",
      "{\"type\":\"heartbeat\",\"x\":\"\n\"}",
      "\xEF\xBB\xBF{\"type\":\"heartbeat\"}",
      R"({"type":"heartbeat","type":"heartbeat"})",
      R"({"type":"heartbeat","x":{"a":1,"\u0061":2}})",
      R"({"type":"heartbeat","x":[{"a":1,"a":1}]})",
      "{type:\"heartbeat\"}",
      nested(65),
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    client.send_text(text);
    CHECK(!client.expect_error("bad_message")["id"].exists());
    client.expect_nothing();
  }
}

TEST_CASE("nesting of 64, long integers and unknown members are no mistakes") {
  WsClient client = hub().client();
  client.send_text(nested(64));
  CHECK(client.expect("heartbeat")["id"] == 1);
  client.send_text(
      R"({"type":"heartbeat","id":2,"x":123456789012345678901234567890,"y":{"z":[1e300,-0.0]}})");
  CHECK(client.expect("heartbeat")["id"] == 2);
}

TEST_CASE("a message without a type carries its id back, one of an unknown type too") {
  WsClient client = hub().client();
  client.send_text(R"({"id":"7"})");
  CHECK(client.expect_error("bad_message")["id"] == "7");
  client.send_text(R"({"type":"teleport","id":8})");
  const Json error = client.expect_error("unknown_type");
  CHECK(error["id"] == 8);
  CHECK(error["message"].as_string().find("teleport") != std::string::npos);
}

TEST_CASE("an id comes back as it was sent") {
  WsClient client = hub().client();
  std::string long_id;
  for (int i = 0; i < 64; ++i) long_id += "é";
  for (const Json& id : {Json("a"), Json(""), Json(0), Json(9007199254740991), Json(long_id),
                         Json("quote \" and \\ and \n")}) {
    client.send(obj("type", "heartbeat", "id", id));
    CHECK(client.expect("heartbeat")["id"] == id);
  }
}

TEST_CASE("an id that is out of range is invalid, and the error has none") {
  WsClient client = hub().client();
  for (const char* id : {"true", "null", "1.5", "-1", "9007199254740992", "[]", "{}"}) {
    CAPTURE(id);
    client.send_text(fmt::format(R"({{"type":"heartbeat","id":{}}})", id));
    const Json error = client.expect_error("invalid");
    CHECK(!error["id"].exists());
    CHECK(error["fields"][0]["path"] == "id");
  }
  client.send(obj("type", "heartbeat", "id", std::string(65, 'x')));
  CHECK(!client.expect_error("invalid")["id"].exists());
}

TEST_CASE("a request without an id is answered only on error") {
  WsClient device = hub().device(unique("quiet"));
  device.send(obj("type", "device.register", "name", "Quiet"));
  device.send(obj("type", "telemetry", "metrics", obj("t", 1)));
  device.expect_nothing();
  device.send(obj("type", "telemetry", "metrics", 5));
  CHECK(!device.expect_error("invalid")["id"].exists());
  const std::int64_t before = now_ms();
  device.send(obj("type", "heartbeat"));
  const Json heartbeat = device.expect("heartbeat");
  CHECK(!heartbeat["id"].exists());
  CHECK(heartbeat["server_time"].as_int() >= before);
}

TEST_CASE("the 20th bad message in a row is answered and then closes with 4400") {
  WsClient client = hub().client();
  const std::vector<std::string> bad = {"{", R"({"type":"teleport"})",
                                        R"({"type":"unsubscribe","subscription":5})"};
  for (std::size_t i = 0; i < 20; ++i) client.send_text(bad[i % bad.size()]);
  for (int i = 0; i < 20; ++i) client.expect("error");
  client.expect_close(4400);
}

TEST_CASE("a good request ends a row of bad ones") {
  WsClient client = hub().client();
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 19; ++i) client.send_text("{");
    client.send(obj("type", "heartbeat"));
  }
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 19; ++i) client.expect_error("bad_message");
    client.expect("heartbeat");
  }
}

TEST_CASE("errors that are not the program's own mistakes neither end a row nor lengthen it") {
  WsClient client = hub().client();
  for (int i = 0; i < 10; ++i) client.send_text("{");
  for (int i = 0; i < 15; ++i) {
    client.send(obj("type", "command.get", "command", "k-unknown"));
  }
  for (int i = 0; i < 9; ++i) client.send_text("{");
  for (int i = 0; i < 10; ++i) client.expect_error("bad_message");
  for (int i = 0; i < 15; ++i) client.expect_error("not_found");
  for (int i = 0; i < 9; ++i) client.expect_error("bad_message");
  client.expect_nothing();  // The heartbeat in it ends this row, so another whole one is needed.
  for (int i = 0; i < 19; ++i) client.send_text("{");
  client.send(obj("type", "command.get", "command", "k-unknown"));
  client.send_text("{");
  client.expect_close(4400);
}

TEST_CASE(
    "the wrong kind of frame, bytes that are no UTF-8 and broken frames close by their code") {
  WsClient binary = hub().client();
  binary.send_binary(R"({"type":"heartbeat"})");
  binary.expect_close(1003);
  WsClient text = hub().client();
  text.send_text("{\"type\":\"\xC3\x28\"}");
  text.expect_close(1007);
  WsClient unmasked = hub().client();
  unmasked.send_raw(std::string("\x81\x02{}", 4));
  unmasked.expect_close(1002);
  WsClient reserved = hub().client();
  reserved.send_raw(std::string("\xC1\x80\0\0\0\0", 6));
  reserved.expect_close(1002);
  WsClient opcode = hub().client();
  opcode.send_frame({.opcode = 0x3, .payload = "x"});
  opcode.expect_close(1002);
  WsClient continuation = hub().client();
  continuation.send_frame({.opcode = kContinuation, .payload = "x"});
  continuation.expect_close(1002);
  WsClient code = hub().client();
  code.send_close(1005);
  code.expect_close(1002);
}

TEST_CASE("a message over max_message_bytes closes with 1009, one just as long is read") {
  WsClient frame = hub().client();
  frame.send_text(std::string(65536, ' '));
  frame.expect_error("bad_message");
  frame.send_text(std::string(65537, ' '));
  frame.expect_close(1009);
  WsClient fragments = hub().client();
  fragments.send_frame({.opcode = kText, .fin = false, .payload = std::string(40000, ' ')});
  fragments.send_frame({.opcode = kContinuation, .fin = false, .payload = std::string(40000, ' ')});
  fragments.expect_close(1009);
  WsClient header = hub().client();
  // Judged by the header: the bytes are never sent.
  header.send_raw(std::string("\x81\xFF\0\0\0\x7F\xFF\xFF\xFF\xFF\0\0\0\0", 14));
  header.expect_close(1009);
}

TEST_CASE("a message may come in fragments with a ping between them") {
  WsClient client(hub().port(),
                  {.token = hub().sign(Token::client("pieces")), .answers_pings = false});
  client.expect("welcome");
  client.send_frame({.opcode = kText, .fin = false, .payload = R"({"type":"hea)"});
  client.send_frame({.opcode = kPing, .payload = "are you there?"});
  const Frame pong = client.receive_frame();
  CHECK(pong.opcode == kPong);
  CHECK(pong.payload == "are you there?");
  client.send_frame({.opcode = kContinuation, .fin = false, .payload = ""});
  client.send_frame({.opcode = kContinuation, .fin = true, .payload = R"(rtbeat","id":3})"});
  CHECK(client.expect("heartbeat")["id"] == 3);
}

TEST_CASE("a close is answered with its code, and one without a code too") {
  for (const int code : {1000, 1001, 3000, 4999}) {
    WsClient client = hub().client();
    client.send_close(code, "bye");
    client.expect_close(code);
  }
  WsClient bare = hub().client();
  bare.send_frame({.opcode = kClose, .payload = ""});
  const Frame frame = bare.receive_frame();
  CHECK(frame.opcode == kClose);
  CHECK(frame.fin);
}

TEST_CASE("replies come in the order of the requests, those that wait for a commit too") {
  WsClient device = hub().device(unique("orderly"));
  std::string all;
  for (int id = 0; id < 120; ++id) {
    Json message = obj("type", "heartbeat", "id", id);
    if (id % 4 == 0) message = obj("type", "telemetry", "id", id, "metrics", obj("t", id));
    if (id % 4 == 1) message = obj("type", "teleport", "id", id);
    if (id % 8 == 2) message = obj("type", "device.status", "id", id, "status", "ok");
    all += encode_masked({.opcode = kText, .payload = message.dump()});
  }
  device.send_raw(all);
  for (int id = 0; id < 120; ++id) CHECK(device.receive()["id"] == id);
}

TEST_CASE("a device does only what devices do, a client only what its scopes allow") {
  WsClient device = hub().device(unique("narrow"));
  device.refused("forbidden", obj("type", "subscribe", "devices", arr("*")));
  device.refused("forbidden", obj("type", "command.send", "device", "x", "name", "y"));
  WsClient all = hub().client();
  all.refused("forbidden", obj("type", "telemetry", "metrics", obj("t", 1)));
  all.refused("forbidden", obj("type", "device.register", "name", "x"));
  all.refused("forbidden", obj("type", "device.status", "status", "ok"));
  all.refused("forbidden", obj("type", "command.result", "command", "k", "status", "executed"));
  WsClient none = hub().client(Token::client("none"));
  none.refused("forbidden", obj("type", "subscribe", "devices", arr("*")));
  none.refused("forbidden", obj("type", "command.send", "device", "x", "name", "y"));
  none.refused("forbidden", obj("type", "command.get", "command", "k-1"));
  WsClient reader = hub().client(Token::client("reader").scope("command:read"));
  reader.refused("forbidden", obj("type", "command.send", "device", "x", "name", "y"));
  reader.refused("not_found", obj("type", "command.get", "command", "k-1"));
  // The operator's word admin is not the others.
  WsClient admin = hub().client(Token::client("admin").scope("admin"));
  admin.refused("forbidden", obj("type", "command.send", "device", "x", "name", "y"));
}

TEST_CASE("over its rate a message is refused, not processed, and told when to come again") {
  const HubProcess own({.settings = {"limits.messages_per_second=5", "limits.burst=5"}});
  WsClient device = own.device("eager");
  std::string all;
  for (int id = 1; id <= 30; ++id) {
    all += encode_masked(
        {.opcode = kText,
         .payload = obj("type", "telemetry", "id", id, "seq", id, "metrics", obj("n", id)).dump()});
  }
  device.send_raw(all);
  std::int64_t accepted = 0;
  for (int id = 1; id <= 30; ++id) {
    const Json reply = device.receive();
    CHECK(reply["id"] == id);
    if (reply["type"] == "ack") {
      accepted += reply["accepted"].as_int();
    } else {
      CHECK(reply["code"] == "rate_limited");
      CHECK(reply["retry_after_ms"].as_int() > 0);
    }
  }
  CHECK(accepted >= 5);
  CHECK(accepted < 30);
  CHECK(own.http().list("/v1/devices/eager/telemetry").size() ==
        static_cast<std::size_t>(accepted));
}

TEST_CASE("one that stays over its rate for 10 s is closed with 4429 and told when to come back") {
  const HubProcess own({.settings = {"limits.messages_per_second=5", "limits.burst=5"}});
  WsClient device = own.device("flood");
  const std::string beat =
      encode_masked({.opcode = kText, .payload = R"({"type":"heartbeat","id":1})"});
  const Deadline limit(Milliseconds{40'000});
  Json last;
  // Each reply allows the next message, so the hub sets the pace, and there is no pause.
  for (int i = 0; i < 10; ++i) device.send_raw(beat);
  bool closed = false;
  while (!closed && !limit.passed()) {
    try {
      last = device.receive();
      device.send_raw(beat);
    } catch (const Failure& failure) {
      CHECK(std::string(failure.what()).find("closed with 4429") != std::string::npos);
      closed = true;
    }
  }
  CHECK(closed);
  CHECK(last["code"] == "rate_limited");
  CHECK(last["retry_after_ms"].as_int() > 0);
}
