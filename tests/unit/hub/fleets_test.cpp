// Commands to many at once, over several shards.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "harness.h"

namespace fairlead::hub {
namespace {

using support::Json;
using Lines = std::map<std::string, std::shared_ptr<Line>>;

constexpr std::size_t kShards = 3;

/// Devices that are connected, by id.
Lines devices(Harness& hub, int count) {
  Lines lines;
  for (int i = 0; i < count; ++i) {
    const std::string id = fmt::format("d{:03}", i);
    lines[id] = hub.device(id);
    lines[id]->take();
  }
  return lines;
}

std::vector<Json> of_type(const Line& line, std::string_view type) {
  std::vector<Json> found;
  for (const Json& message : line.received) {
    if (message["type"] == type) found.push_back(message);
  }
  return found;
}

/// The answer to the request with that id.
Json answer(const Line& line, std::string_view id) {
  for (const Json& message : line.received) {
    if (message["id"] == id) return message;
  }
  return {};
}

std::string fleet_send(std::string_view more = "") {
  return fmt::format(R"({{"type":"fleet.send","id":"s","devices":["d*"],"name":"reboot"{}}})",
                     more);
}

std::string get(const Json& fleet, std::string_view type = "fleet.get") {
  return fmt::format(R"({{"type":"{}","id":"g","fleet":{}}})", type, fleet.dump());
}

/// Each device answers the commands that came to it; how many that were.
int answer_all(Harness& hub, const Lines& lines, std::string_view status = "executed") {
  int answered = 0;
  for (const auto& [id, line] : lines) {
    for (const Json& command : of_type(*line, "command")) {
      ++answered;
      hub.say(*line, fmt::format(R"({{"type":"command.result","command":{},"status":"{}"}})",
                                 command["command"].dump(), status));
    }
    line->take();
  }
  hub.commit();
  return answered;
}

int commands_in(const Lines& lines) {
  int count = 0;
  for (const auto& [id, line] : lines) {
    count += static_cast<int>(of_type(*line, "command").size());
  }
  return count;
}

}  // namespace

TEST_CASE("a fleet goes to every device that matches, and its end is told to who sent it") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 20);
  const auto client = hub.client();
  const auto other = hub.client();
  client->take();
  other->take();
  hub.say(*client, fleet_send());
  CHECK(!answer(*client, "s").exists());
  hub.commit();
  const Json ack = answer(*client, "s");
  CHECK(ack["type"] == "ack");
  CHECK(ack["total"] == 20);
  CHECK(ack["fleet"].as_string().starts_with("f-"));
  CHECK(answer_all(hub, lines) == 20);
  const auto updates = of_type(*client, "fleet.update");
  REQUIRE(updates.size() == 1);
  CHECK(updates[0]["state"] == "done");
  CHECK(updates[0]["executed"] == 20);
  CHECK(updates[0]["waiting"] == 0);
  CHECK(of_type(*client, "command.update").empty());
  CHECK(other->received.empty());
  hub.ask(*client, get(ack["fleet"]));
  CHECK(answer(*client, "g")["state"] == "done");
  CHECK(answer(*client, "g")["executed"] == 20);
  for (const auto& [id, command] : hub.disk().state().commands) {
    CHECK(command.fleet == ack["fleet"].as_string());
    CHECK(command.state == commands::State::kExecuted);
  }
}

TEST_CASE("no more commands are in flight than may be, over all shards") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 20);
  const auto client = hub.client();
  hub.ask(*client, fleet_send(R"(,"max_in_flight":7)"));
  CHECK(commands_in(lines) == 7);
  CHECK(answer_all(hub, lines) == 7);
  CHECK(commands_in(lines) == 7);
  CHECK(answer_all(hub, lines) == 7);
  CHECK(answer_all(hub, lines) == 6);
  CHECK(of_type(*client, "fleet.update").back()["state"] == "done");
}

TEST_CASE("progress comes once a second to who may see all of the devices") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 6);
  const auto client = hub.client();
  const auto watcher = hub.client(auth::Scopes::all(), 1);
  const auto telemetry = hub.client(auth::Scopes::all(), 2);
  hub.ask(*watcher,
          R"({"type":"subscribe","id":"w","devices":["d001","d00*"],"events":["command"]})");
  hub.ask(*telemetry, R"({"type":"subscribe","id":"w","devices":["d*"],"events":["telemetry"]})");
  hub.advance(10);
  for (const auto& line : {client, watcher, telemetry}) line->take();
  hub.ask(*client, fleet_send());
  // Their deliveries are written down.
  hub.advance(10);
  hub.commit();
  CHECK(of_type(*client, "fleet.update").empty());
  hub.advance(1000);
  hub.advance(1000);
  for (const auto& line : {client, watcher}) {
    const auto updates = of_type(*line, "fleet.update");
    REQUIRE(updates.size() == 1);
    CHECK(updates[0]["delivered"] == 6);
    CHECK(updates[0]["state"] == "running");
  }
  CHECK(of_type(*watcher, "command.update").size() == 12);
  CHECK(of_type(*telemetry, "fleet.update").empty());
  answer_all(hub, lines);
  CHECK(of_type(*client, "fleet.update").size() == 2);
  CHECK(of_type(*watcher, "fleet.update").size() == 2);
}

TEST_CASE("what a device cannot take is recorded as failed with its code") {
  Harness hub(kShards, {.queued_commands_per_device = 1});
  const Lines lines = devices(hub, 3);
  hub.ask(*lines.at("d000"), R"({"type":"device.register","id":"r","capabilities":)"
                             R"({"commands":{"open":{}}}})");
  const auto client = hub.client();
  hub.ask(*client, R"({"type":"command.send","id":"1","device":"d001","name":"open"})");
  lines.at("d001")->take();
  hub.hang_up(*lines.at("d002"));
  hub.commit();
  hub.ask(*client, fleet_send());
  const auto updates = of_type(*client, "fleet.update");
  REQUIRE(updates.size() == 1);
  CHECK(updates[0]["failed"] == 3);
  std::map<std::string, std::string> codes;
  for (const auto& [id, command] : hub.disk().state().commands) {
    if (command.fleet) codes[command.device] = Json::parse(*command.error)["code"].as_string();
  }
  CHECK(codes == std::map<std::string, std::string>{
                     {"d000", "invalid"}, {"d001", "queue_full"}, {"d002", "device_offline"}});
}

TEST_CASE("enough failures stop a fleet; cancelling it is acked, cancelling a done one is not") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 10);
  const auto client = hub.client();
  hub.ask(*client, fleet_send(R"(,"max_in_flight":2,"stop_after_failures":2)"));
  const Json fleet = answer(*client, "s")["fleet"];
  answer_all(hub, lines, "failed");
  answer_all(hub, lines);
  const Json last = of_type(*client, "fleet.update").back();
  CHECK(last["state"] == "stopped");
  CHECK(last["waiting"].as_int() + last["failed"].as_int() + last["executed"].as_int() == 10);
  CHECK(last["failed"] == 2);
  CHECK(commands_in(lines) == 0);
  hub.ask(*client, get(fleet, "fleet.cancel"));
  CHECK(answer(*client, "g") == last.with("type", "ack").with("id", "g"));
  client->take();
  hub.ask(*client, fleet_send());
  answer_all(hub, lines);
  const Json done = answer(*client, "s")["fleet"];
  hub.ask(*client, get(done, "fleet.cancel"));
  CHECK(answer(*client, "g")["code"] == "conflict");
}

TEST_CASE("cancelling a fleet cancels what is in flight and leaves the rest waiting") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 10);
  const auto client = hub.client();
  hub.ask(*client, fleet_send(R"(,"max_in_flight":4)"));
  const Json fleet = answer(*client, "s")["fleet"];
  hub.ask(*client, get(fleet, "fleet.cancel"));
  const Json ack = answer(*client, "g");
  CHECK(ack["state"] == "stopped");
  CHECK(ack["cancelled"] == 4);
  CHECK(ack["waiting"] == 6);
  CHECK(of_type(*client, "fleet.update").size() == 1);
  CHECK(hub.disk().state().commands.size() == 4);
}

TEST_CASE("a device that is deleted meanwhile counts as cancelled") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 4);
  const auto client = hub.client();
  const auto remove = [&](const std::string& id) {
    const auth::Principal who{.kind = auth::Kind::kClient,
                              .tenant = "t",
                              .subject = "admin",
                              .scopes = auth::Scopes::all(),
                              .all_devices = true};
    hub.shard().operations().delete_device(who, id, [](const Result<void>&) {});
    hub.commit();
  };
  hub.ask(*client, fleet_send(R"(,"max_in_flight":2)"));
  std::vector<std::string> in_flight;
  for (const auto& [id, line] : lines) {
    if (!of_type(*line, "command").empty()) in_flight.push_back(id);
  }
  REQUIRE(in_flight == std::vector<std::string>{"d000", "d001"});
  remove("d003");
  remove("d000");
  // Another device of the same id is another device.
  const auto again = hub.device("d003");
  answer_all(hub, lines);
  answer_all(hub, lines);
  CHECK(of_type(*again, "command").empty());
  const Json last = of_type(*client, "fleet.update").back();
  CHECK(last["state"] == "done");
  CHECK(last["cancelled"] == 2);
  CHECK(last["executed"] == 2);
}

TEST_CASE("an idempotency key makes one fleet, and is not that of a command") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 3);
  const auto client = hub.client();
  hub.ask(*client, fleet_send(R"(,"idempotency_key":"once")"));
  const Json first = answer(*client, "s");
  client->take();
  hub.ask(*client, fleet_send(R"(,"idempotency_key":"once","max_in_flight":1)"));
  CHECK(answer(*client, "s") == first);
  CHECK(commands_in(lines) == 3);
  hub.ask(*client, R"({"type":"command.send","id":"1","device":"d000","name":"open",)"
                   R"("idempotency_key":"once"})");
  CHECK(answer(*client, "1")["command"].as_string().starts_with("k-"));
}

TEST_CASE("a tenant has as many unfinished fleets as the operator says, a fleet so many devices") {
  Harness hub(kShards, {.fleets_per_tenant = 2, .fleet_devices = 4});
  Lines lines = devices(hub, 4);
  const auto client = hub.client();
  for (int i = 0; i < 2; ++i) {
    client->take();
    hub.ask(*client, fleet_send());
    CHECK(answer(*client, "s")["type"] == "ack");
  }
  client->take();
  hub.ask(*client, fleet_send());
  CHECK(answer(*client, "s")["code"] == "queue_full");
  answer_all(hub, lines);
  lines["d004"] = hub.device("d004");
  client->take();
  hub.ask(*client, fleet_send());
  CHECK(answer(*client, "s")["code"] == "too_large");
  CHECK(answer(*client, "s")["limit"] == 4);
  client->take();
  hub.ask(*client, R"({"type":"fleet.send","id":"s","devices":["d003","d00*x","e*"],"name":"x"})");
  CHECK(answer(*client, "s")["code"] == "invalid");
  for (int i = 0; i < 2; ++i) {
    client->take();
    hub.ask(*client, R"({"type":"fleet.send","id":"s","devices":["d003","e*","d003"],"name":"x"})");
    CHECK(answer(*client, "s")["total"] == 1);
  }
  client->take();
  hub.ask(*client, R"({"type":"fleet.send","id":"s","devices":["e*"],"name":"x"})");
  CHECK(answer(*client, "s")["code"] == "queue_full");
  answer_all(hub, lines);
  client->take();
  hub.ask(*client, R"({"type":"fleet.send","id":"s","devices":["e*"],"name":"x"})");
  CHECK(answer(*client, "s")["total"] == 0);
  REQUIRE(of_type(*client, "fleet.update").size() == 1);
  CHECK(of_type(*client, "fleet.update")[0]["state"] == "done");
}

TEST_CASE("what a token may not touch is left out, and a fleet it may not see is unknown") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 12);
  const auto client = hub.client();
  hub.ask(*client, fleet_send());
  const std::string fleet = answer(*client, "s")["fleet"].as_string();
  const auth::Principal narrow{.kind = auth::Kind::kClient,
                               .tenant = "t",
                               .subject = "narrow",
                               .scopes = auth::Scopes::all(),
                               .devices = std::vector<std::string>{"d00*", "d010"}};
  auth::Principal foreign = narrow;
  foreign.tenant = "u";
  foreign.all_devices = true;
  auth::Principal whole = narrow;
  whole.devices = std::vector<std::string>{"d01*", "d00*"};
  const auto code_for = [&](const auth::Principal& who) {
    std::optional<Result<commands::FleetReport>> got;
    hub.shard(1).operations().get_fleet(
        who, fleet, [&got](Result<commands::FleetReport> report) { got = std::move(report); });
    hub.commit();
    REQUIRE(got);
    return *got ? std::optional<Code>() : std::optional(got->error().code);
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(code_for(narrow) == Code::kNotFound);
    CHECK(code_for(foreign) == Code::kNotFound);
    CHECK(!code_for(whole));
    answer_all(hub, lines);
  }
  std::size_t total = 0;
  protocol::FleetSend request;
  request.devices = {"*"};
  request.command.name = "x";
  request.command.timeout_ms = 1000;
  hub.shard(2).operations().send_fleet(
      narrow, std::move(request), {},
      [&total](const Result<commands::FleetReport>& report) { total = report->members->size(); });
  hub.commit();
  CHECK(total == 11);
}

TEST_CASE("a store that fails for a while delays a fleet, and every device gets one command") {
  Harness hub(kShards);
  const Lines lines = devices(hub, 10);
  const auto client = hub.client();
  hub.ask(*client, fleet_send(R"(,"max_in_flight":5)"));
  hub.disk().set_broken(true);
  answer_all(hub, lines);
  hub.advance(1000);
  hub.commit();
  hub.disk().set_broken(false);
  int delivered = 5;
  for (int i = 0; i < 10; ++i) {
    hub.advance(1000);
    hub.commit();
    delivered += answer_all(hub, lines);
  }
  const Json last = of_type(*client, "fleet.update").back();
  CHECK(last["expired"].as_int() + last["executed"].as_int() == 10);
  CHECK(last["state"] == "done");
  CHECK(hub.disk().state().commands.size() == 10);
  CHECK(delivered == 10);
}

}  // namespace fairlead::hub
