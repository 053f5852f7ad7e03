// Commands of a device whose deletion is on its way.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <string>

#include "harness.h"

namespace fairlead::hub {
namespace {

const auth::Principal kAdmin{.kind = auth::Kind::kClient,
                             .tenant = "t",
                             .subject = "admin",
                             .scopes = auth::Scopes::all(),
                             .all_devices = true};

/// A deletion that is not committed; what became of it.
struct Deletion {
  Deletion(Harness& hub, const std::string& id) {
    hub.shard().operations().delete_device(
        kAdmin, id, [this](Result<void> result) { done = std::move(result); });
    hub.run();
  }
  std::optional<Result<void>> done;
};

std::string command_send(std::string_view more = "") {
  return fmt::format(R"({{"type":"command.send","id":"s","device":"boiler","name":"open",)"
                     R"("delivery":"queue"{}}})",
                     more);
}

/// A hub with a device that is away and has a pending command; its id.
std::string given_pending(Harness& hub, Line& client, std::string_view more = "") {
  hub.hang_up(*hub.device("boiler"));
  hub.commit();
  return hub.ask(client, command_send(more))["command"].as_string();
}

}  // namespace

TEST_CASE("a command that expires behind its device's deletion breaks nobody's commit") {
  Harness hub;
  const auto client = hub.client();
  const auto other = hub.device("pump");
  given_pending(hub, *client, R"(,"timeout_ms":1000)");
  const Deletion deletion(hub, "boiler");
  hub.advance(1500);
  hub.say(*other, R"({"type":"telemetry","id":"1","seq":1,"metrics":{"x":1}})");
  hub.commit();
  CHECK(other->last()["type"] == "ack");
  REQUIRE(deletion.done);
  CHECK(deletion.done->has_value());
  CHECK(hub.disk().state().commands.empty());
}

TEST_CASE("whoever asks for a command behind its device's deletion is told not_found") {
  Harness hub;
  const auto client = hub.client();
  const std::string id = given_pending(hub, *client);
  const Deletion deletion(hub, "boiler");
  for (const char* type : {"command.cancel", "command.get"}) {
    hub.say(*client, fmt::format(R"({{"type":"{}","id":"c","command":"{}"}})", type, id));
    CHECK(client->last()["code"] == "not_found");
  }
  hub.say(*client, command_send());
  CHECK(client->last()["code"] == "not_found");
  hub.commit();
  REQUIRE(deletion.done);
  CHECK(deletion.done->has_value());
  CHECK(hub.disk().state().commands.empty());
}

TEST_CASE("a deletion that fails leaves the commands, and what time did to them is written then") {
  Harness hub;
  const auto client = hub.client();
  const std::string id = given_pending(hub, *client, R"(,"timeout_ms":1000)");
  hub.disk().fail_next(1);
  const Deletion deletion(hub, "boiler");
  hub.advance(1500);
  hub.commit();
  REQUIRE(deletion.done);
  CHECK(!deletion.done->has_value());
  CHECK(hub.disk().state().commands.at(id).state == commands::State::kPending);
  hub.advance(10);
  hub.commit();
  CHECK(hub.disk().state().commands.at(id).state == commands::State::kExpired);
  CHECK(client->last()["status"] == "expired");
  const auto device = hub.device("boiler");
  hub.ask(*client, command_send());
  CHECK(device->last()["type"] == "command");
}

}  // namespace fairlead::hub
