#include "hub/router.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "harness.h"

namespace fairlead::hub {
namespace {

using auth::Scope;
using support::Json;
using support::obj;

enum class Asks : std::uint8_t { kDevice, kAnyone, kClient, kScope };

/// A row of the protocol, sections 3 and 5, written down once more.
struct Row {
  const char* message;
  Asks asks;
  Scope scope = Scope::kAdmin;
};

const std::vector<Row> kRows = {
    {R"({"type":"telemetry","id":1,"metrics":{"a":1}})", Asks::kDevice},
    {R"({"type":"telemetry.batch","id":1,"samples":[{"metrics":{"a":1}}]})", Asks::kDevice},
    {R"({"type":"device.register","id":1})", Asks::kDevice},
    {R"({"type":"device.status","id":1,"status":"ok"})", Asks::kDevice},
    {R"({"type":"command.accept","id":1,"command":"k-1"})", Asks::kDevice},
    {R"({"type":"command.result","id":1,"command":"k-1","status":"executed"})", Asks::kDevice},
    {R"({"type":"heartbeat","id":1})", Asks::kAnyone},
    {R"({"type":"unsubscribe","id":1,"subscription":"s1"})", Asks::kClient},
    {R"({"type":"subscribe","id":1,"devices":["*"],"events":["telemetry"]})", Asks::kScope,
     Scope::kTelemetryRead},
    {R"({"type":"subscribe","id":1,"devices":["*"],"events":["presence"]})", Asks::kScope,
     Scope::kDeviceRead},
    {R"({"type":"subscribe","id":1,"devices":["*"],"events":["status"]})", Asks::kScope,
     Scope::kDeviceRead},
    {R"({"type":"subscribe","id":1,"devices":["*"],"events":["device"]})", Asks::kScope,
     Scope::kDeviceRead},
    {R"({"type":"subscribe","id":1,"devices":["*"],"events":["command"]})", Asks::kScope,
     Scope::kCommandRead},
    {R"({"type":"command.send","id":1,"device":"d","name":"n"})", Asks::kScope,
     Scope::kCommandSend},
    {R"({"type":"command.cancel","id":1,"command":"k-1"})", Asks::kScope, Scope::kCommandSend},
    {R"({"type":"command.get","id":1,"command":"k-1"})", Asks::kScope, Scope::kCommandRead},
    {R"({"type":"fleet.send","id":1,"devices":["*"],"name":"n"})", Asks::kScope,
     Scope::kCommandSend},
    {R"({"type":"fleet.get","id":1,"fleet":"f-1"})", Asks::kScope, Scope::kCommandRead},
    {R"({"type":"fleet.cancel","id":1,"fleet":"f-1"})", Asks::kScope, Scope::kCommandSend},
};

constexpr std::initializer_list<Scope> kScopes = {
    Scope::kTelemetryRead, Scope::kTelemetryWrite, Scope::kDeviceRead,     Scope::kDeviceWrite,
    Scope::kCommandRead,   Scope::kCommandSend,    Scope::kConnectionRead, Scope::kAdmin};

bool is_forbidden(const Json& answer) {
  REQUIRE(answer["id"] == 1);
  return answer["code"] == "forbidden";
}

/// An event may have followed it.
Json answer_in(const Line& line) {
  for (const Json& message : line.received) {
    if (message["id"].exists()) return message;
  }
  return {};
}

}  // namespace

TEST_CASE("a device may send what devices send and nothing else") {
  for (const Row& row : kRows) {
    CAPTURE(row.message);
    Harness hub;
    const auto device = hub.device("d");
    const bool may = row.asks == Asks::kDevice || row.asks == Asks::kAnyone;
    CHECK(is_forbidden(hub.ask(*device, row.message)) == !may);
    CHECK_FALSE(device->closed.has_value());
  }
}

TEST_CASE("a client may send what its one scope permits, and nothing that devices send") {
  Harness hub;
  for (const Scope scope : kScopes) {
    for (const Row& row : kRows) {
      CAPTURE(row.message);
      CAPTURE(auth::name_of(scope));
      const auto client = hub.client({scope});
      const bool may = row.asks == Asks::kAnyone || row.asks == Asks::kClient ||
                       (row.asks == Asks::kScope && row.scope == scope);
      hub.ask(*client, row.message);
      CHECK(is_forbidden(answer_in(*client)) == !may);
    }
  }
}

TEST_CASE("a subscription without events means those permitted, and needs one") {
  Harness hub;
  const std::string subscribe = R"({"type":"subscribe","id":1,"devices":["*"]})";
  const auto nobody = hub.client({Scope::kCommandSend, Scope::kAdmin});
  CHECK(is_forbidden(hub.ask(*nobody, subscribe)));
  const auto watcher = hub.client({Scope::kDeviceRead});
  CHECK(hub.ask(*watcher, subscribe)["type"] == "ack");
  watcher->take();
  const auto device = hub.device("d");
  hub.ask(*device, R"({"type":"telemetry","metrics":{"a":1}})");
  CHECK(watcher->headlines() == std::vector<std::string>{"device.registered", "presence"});
}

TEST_CASE("a device answers only commands that are its own") {
  Harness hub(3);
  const auto client = hub.client();
  const auto device = hub.device("d");
  const auto other = hub.device("e");
  const Json sent = hub.ask(
      *client, R"({"type":"command.send","id":1,"device":"d","name":"n","timeout_ms":1000})");
  const std::string command = device->last()["command"].as_string();
  const std::string accept = obj("type", "command.accept", "id", 2, "command", command).dump();
  CHECK(hub.ask(*other, accept)["code"] == "not_found");
  CHECK(hub.ask(*device, accept)["type"] == "ack");
}

TEST_CASE("answers leave in the order of requests while one of them waits for a commit") {
  Harness hub;
  const auto device = hub.device("d");
  device->take();
  hub.say(*device, R"({"type":"heartbeat","id":1})");
  hub.say(*device, R"({"type":"telemetry","id":2,"metrics":{"a":1}})");
  hub.say(*device, R"({"type":"heartbeat","id":3})");
  hub.say(*device, "no json");
  CHECK(device->headlines() == std::vector<std::string>{"heartbeat 1"});
  hub.commit();
  CHECK(device->headlines() ==
        std::vector<std::string>{"heartbeat 1", "ack 2", "heartbeat 3", "error"});
}

TEST_CASE("a commit that fails acks nothing, and the same sample is taken again") {
  Harness hub;
  const auto device = hub.device("d");
  const std::string sample = R"({"type":"telemetry","id":1,"seq":1,"epoch":"e","metrics":{"a":1}})";
  hub.disk().fail_next(1);
  CHECK(hub.ask(*device, sample)["code"] == "overloaded");
  CHECK(device->last()["retry_after_ms"].is_number());
  const Json& ack = hub.ask(*device, sample);
  CHECK(ack["accepted"] == 1);
  CHECK(ack["duplicates"] == 0);
  CHECK(hub.ask(*device, sample)["duplicates"] == 1);
}

TEST_CASE("the same idempotency key makes one command, wherever its sender and device are") {
  Harness hub(3);
  const auto device = hub.device("d");
  device->take();
  const std::string send =
      R"({"type":"command.send","id":1,"device":"d","name":"n","idempotency_key":"key"})";
  std::vector<std::string> commands;
  for (std::size_t shard = 0; shard < 3; ++shard) {
    const auto client = hub.client(auth::Scopes::all(), shard);
    hub.ask(*client, send);
    for (const Json& message : client->take()) {
      if (message["type"] == "ack") commands.push_back(message["command"].as_string());
    }
  }
  REQUIRE(commands.size() == 3);
  CHECK(commands[0] == commands[1]);
  CHECK(commands[0] == commands[2]);
  CHECK(device->headlines() == std::vector<std::string>{"command"});
}

}  // namespace fairlead::hub
