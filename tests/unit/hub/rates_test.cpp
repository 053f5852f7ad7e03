#include <fmt/format.h>

#include <string>

#include "harness.h"

namespace fairlead::hub {
namespace {

using support::Json;

std::string sample(int id, std::size_t bytes = 0) {
  std::string text = fmt::format(R"({{"type":"telemetry","id":{},"metrics":{{"a":1}}}})", id);
  if (text.size() < bytes) text.append(bytes - text.size(), ' ');
  return text;
}

/// A rate that no test comes near.
Settings unlimited() {
  Settings settings;
  settings.messages_per_second = 1'000'000;
  settings.burst = 1'000'000;
  return settings;
}

}  // namespace

TEST_CASE("bytes have a rate of their own: a second's worth at once, then as they come") {
  Settings settings = unlimited();
  settings.bytes_per_second = 100'000;
  Harness hub(1, settings);
  const auto device = hub.device("d");
  CHECK(device->last()["limits"]["bytes_per_second"] == 100'000);
  CHECK(hub.ask(*device, sample(1, 60'000))["type"] == "ack");
  CHECK(hub.ask(*device, sample(2, 40'000))["type"] == "ack");
  const Json refused = hub.ask(*device, sample(3, 5000));
  CHECK(refused["code"] == "rate_limited");
  CHECK(refused["retry_after_ms"] == 50);
  CHECK(refused["message"] == "over 1000000 messages or 100000 bytes a second of this connection");
  hub.advance(49);
  CHECK(hub.ask(*device, sample(4, 5000))["retry_after_ms"] == 1);
  hub.advance(1);
  CHECK(hub.ask(*device, sample(5, 5000))["type"] == "ack");
}

TEST_CASE("a longest message can be sent however low the rate of bytes is") {
  Settings settings = unlimited();
  settings.bytes_per_second = 1000;
  Harness hub(1, settings);
  const auto device = hub.device("d");
  CHECK(hub.ask(*device, sample(1, settings.max_message_bytes))["type"] == "ack");
  CHECK(hub.ask(*device, sample(2, 1000))["retry_after_ms"] == 1000);
}

TEST_CASE("without a limit nothing is said of bytes") {
  Harness hub;
  CHECK_FALSE(hub.device("d")->last()["limits"]["bytes_per_second"].exists());
}

TEST_CASE("a device has one rate over its connections and HTTP, refused messages cost nothing") {
  Settings settings = unlimited();
  settings.device_messages_per_second = 10;
  settings.device_burst = 3;
  Harness hub(2, settings);
  auto device = hub.device("d");
  CHECK(hub.ask(*device, sample(1))["type"] == "ack");
  CHECK(hub.ask(*device, sample(2))["type"] == "ack");
  device = hub.device("d");
  const auto post = [&] {
    Result<telemetry::Accepted> answer = fail(Code::kInternal, "none");
    const auth::Principal app{.kind = auth::Kind::kClient,
                              .tenant = "t",
                              .subject = "app",
                              .scopes = auth::Scopes::all(),
                              .all_devices = true};
    hub.shard().operations().post_telemetry(
        app, "d", R"({"metrics":{"a":1}})",
        [&answer](Result<telemetry::Accepted> result) { answer = std::move(result); });
    for (std::size_t shard = 0; shard < 2; ++shard) hub.shard(shard).end_turn();
    hub.commit();
    return answer;
  };
  CHECK(post().has_value());
  for (int i = 0; i < 5; ++i) {
    CHECK(post().error().code == Code::kRateLimited);
    const Json refused = hub.ask(*device, sample(3));
    CHECK(refused["retry_after_ms"] == 100);
    CHECK(refused["message"] == "over 10 messages a second of this device");
  }
  CHECK(hub.ask(*hub.device("other"), sample(1))["type"] == "ack");
  hub.advance(100);
  CHECK(hub.ask(*device, sample(4))["type"] == "ack");
  CHECK(post().error().retry_after_ms == 100);
}

TEST_CASE("a device that is deleted takes its meter along") {
  Settings settings = unlimited();
  settings.device_messages_per_second = 1;
  settings.device_burst = 1;
  Harness hub(1, settings);
  auto device = hub.device("d");
  CHECK(hub.ask(*device, sample(1))["type"] == "ack");
  CHECK(hub.ask(*device, sample(2))["code"] == "rate_limited");
  const auto ref = hub.shard().home().devices().find("t", "d");
  REQUIRE(ref.has_value());
  hub.shard().home().remove(*ref, [](Result<void>) {});
  hub.commit();
  device = hub.device("d");
  CHECK(hub.ask(*device, sample(1))["type"] == "ack");
}

TEST_CASE("a tenant has one rate over all shards; who is held up by others is not sent away") {
  Settings settings = unlimited();
  settings.tenant_messages_per_second = 10;
  settings.tenant_burst = 10;
  Harness hub(3, settings);
  std::vector<std::shared_ptr<Line>> lines;
  for (const std::string id : {"a", "b", "c", "d", "e"}) lines.push_back(hub.device(id));
  for (int i = 0; i < 10; ++i) {
    CHECK(hub.ask(*lines[static_cast<std::size_t>(i % 5)], sample(i))["type"] == "ack");
  }
  const Json refused = hub.ask(*lines[0], sample(11));
  CHECK(refused["code"] == "rate_limited");
  CHECK(refused["retry_after_ms"] == 100);
  CHECK(refused["message"] == "over 10 messages a second of this tenant");
  const auto client = hub.client();
  CHECK(hub.ask(*client, R"({"type":"heartbeat","id":1})")["code"] == "rate_limited");
  // Some of it gets through all the time, and nobody is closed for what all of them send.
  int acks = 0;
  for (int ms = 0; ms < 15'000; ms += 50) {
    hub.advance(50);
    for (const auto& line : lines) acks += hub.ask(*line, sample(12))["type"] == "ack" ? 1 : 0;
  }
  CHECK(acks == 150);
  for (const auto& line : lines) CHECK_FALSE(line->closed.has_value());
}

TEST_CASE("ten seconds over the device's rate without a pause end with 4429") {
  Settings settings = unlimited();
  settings.device_messages_per_second = 1;
  settings.device_burst = 1;
  Harness hub(1, settings);
  const auto device = hub.device("d");
  for (int i = 0; i < 200 && !device->closed; ++i) {
    hub.ask(*device, sample(i));
    hub.advance(100);
  }
  CHECK(device->closed == 4429);
  CHECK(device->last()["code"] == "rate_limited");
}

}  // namespace fairlead::hub
