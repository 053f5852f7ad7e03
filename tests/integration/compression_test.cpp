// permessage-deflate (RFC 7692) between real peers and the hub.
#include "support/compression.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess deflating_hub(std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"net.deflate=true", "runtime.shards=2"});
  return HubProcess({.settings = std::move(more)});
}

/// A client that may do everything, whose welcome was read.
WsClient client_of(const HubProcess& hub, std::string extensions) {
  const Token token = Token::client(unique("app")).scope("telemetry:read device:read");
  WsClient client(hub.port(), {.token = hub.sign(token), .extensions = std::move(extensions)});
  client.expect("welcome");
  return client;
}

/// Some 4 KiB of metrics.
Json large_sample() {
  std::string metrics;
  for (int i = 0; i < 100; ++i) {
    metrics += fmt::format(R"({}"machine/temperature/sensor-{}":21.{})", i == 0 ? "" : ",", i, i);
  }
  return obj("type", "telemetry", "metrics", Json::parse("{" + metrics + "}"));
}

double metric(const HubProcess& hub, std::string_view name) {
  const std::string text = "\n" + hub.anonymous().get("/metrics").body;
  const std::string wanted = fmt::format("\n{} ", name);
  const auto at = text.find(wanted);
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + wanted.size()));
}

std::string compressed_text(Compressor& compressor, std::string_view message) {
  return encode_masked({.opcode = kText, .payload = compressor.compress(message), .rsv = kRsv1});
}

constexpr std::string_view kDeflates = "fairlead_net_deflates_total";

}  // namespace

TEST_CASE("compression is agreed to only where the operator wants it") {
  HubProcess plain;
  CHECK(client_of(plain, "permessage-deflate").extensions().empty());
  HubProcess hub = deflating_hub();
  CHECK(client_of(hub, "").extensions().empty());
  CHECK(client_of(hub, "permessage-deflate; client_max_window_bits").extensions() ==
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
}

TEST_CASE("an event to a hundred subscribers on two shards is deflated once") {
  HubProcess hub = deflating_hub();
  const std::string id = unique("boiler");
  WsClient device = hub.device(id);
  std::vector<WsClient> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(client_of(hub, i % 10 == 0 ? "" : "permessage-deflate"));
    clients.back().ack(obj("type", "subscribe", "devices", arr(id)));
  }
  const double before = metric(hub, kDeflates);
  const Json sample = large_sample();
  device.ack(sample);
  std::size_t compressed = 0;
  for (WsClient& client : clients) {
    const Json event = client.expect("telemetry");
    CHECK(event["device"] == id);
    CHECK(event["metrics"] == sample["metrics"]);
    compressed += client.compressed().size();
  }
  CHECK(compressed == 90);
  CHECK(metric(hub, kDeflates) == before + 1);
  CHECK(metric(hub, "fairlead_net_deflate_saved_bytes_total") > 90 * 2000);
  // A short one goes as it is.
  device.ack(obj("type", "telemetry", "metrics", obj("n", 1)));
  for (WsClient& client : clients) CHECK(client.expect("telemetry")["metrics"] == obj("n", 1));
  CHECK(metric(hub, kDeflates) == before + 1);
}

TEST_CASE("with net.deflate_context_takeover what was said before need not be said again") {
  HubProcess hub = deflating_hub({"net.deflate_context_takeover=true"});
  const std::string id = unique("boiler");
  WsClient device = hub.device(id);
  WsClient keeps = client_of(hub, "permessage-deflate");
  WsClient forgets = client_of(hub, "permessage-deflate; server_no_context_takeover");
  CHECK(keeps.extensions() == "permessage-deflate");
  CHECK(forgets.extensions() == "permessage-deflate; server_no_context_takeover");
  for (WsClient* client : {&keeps, &forgets}) {
    client->ack(obj("type", "subscribe", "devices", arr(id)));
  }
  for (int i = 0; i < 2; ++i) {
    device.ack(large_sample());
    CHECK(keeps.expect("telemetry")["metrics"] == large_sample()["metrics"]);
    CHECK(forgets.expect("telemetry")["metrics"] == large_sample()["metrics"]);
  }
  REQUIRE(keeps.compressed().size() == 2);
  CHECK(keeps.compressed()[1] < keeps.compressed()[0] / 4);
  REQUIRE(forgets.compressed().size() == 2);
  CHECK(forgets.compressed()[1] > forgets.compressed()[0] / 2);
}

TEST_CASE("a device may compress what it sends, in fragments too, whichever shard is its home") {
  HubProcess hub = deflating_hub();
  for (int i = 0; i < 4; ++i) {
    // The auth is a message, so the connection moves to its home after the agreement.
    const Token token = Token::device(unique("boiler"));
    WsClient device(hub.port(), {.extensions = "permessage-deflate"});
    Compressor compressor(false);
    device.send_raw(
        compressed_text(compressor, obj("type", "auth", "id", 1, "token", hub.sign(token)).dump()));
    device.expect("welcome");
    CHECK(device.expect("ack")["id"] == 1);
    const std::string sample = compressor.compress(large_sample().with("id", 2).dump());
    device.send_frame({.fin = false, .payload = sample.substr(0, 100), .rsv = kRsv1});
    device.send_frame({.opcode = kContinuation, .payload = sample.substr(100)});
    CHECK(device.expect("ack")["accepted"] == 1);
  }
}

TEST_CASE("a bomb is answered and ends with 1009 though it is small on the wire") {
  HubProcess hub = deflating_hub({"limits.max_message_bytes=2048"});
  WsClient client = client_of(hub, "permessage-deflate");
  Compressor compressor(false);
  const std::string bomb = compressed_text(compressor, std::string(1'000'000, ' '));
  REQUIRE(bomb.size() < 2048);
  client.send_raw(bomb);
  CHECK(client.expect_error("too_large")["limit"] == 2048);
  client.expect_close(1009);
}

TEST_CASE("compressed nonsense is answered and ends with 1007") {
  HubProcess hub = deflating_hub();
  WsClient client = client_of(hub, "permessage-deflate");
  client.send_frame({.opcode = kText, .payload = "\xff\xff\xff\xff", .rsv = kRsv1});
  client.expect_error("bad_message");
  client.expect_close(1007);
}

TEST_CASE("settings of compression out of range are refused by name") {
  for (const std::string setting : {"net.deflate=maybe", "net.deflate_level=0",
                                    "net.deflate_level=10", "net.deflate_min_bytes=0"}) {
    CAPTURE(setting);
    const Finished finished = run_fairlead({"config", "--set", setting});
    CHECK(finished.code != 0);
    CHECK(finished.err.find(setting.substr(0, setting.find('='))) != std::string::npos);
  }
}
