#include "protocol/events.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocol/json_reader.h"

namespace fairlead::protocol {
namespace {

using namespace std::string_literals;

template <typename Event>
std::string written(const Event& event) {
  std::string out;
  write(out, event);
  CHECK(JsonReader().read_copy(out));
  return out;
}

}  // namespace

TEST_CASE("replies carry the id of their request") {
  std::string out;
  write_ack(out, {.json = "7"}, R"("accepted":1,"duplicates":0)");
  CHECK(out == R"({"type":"ack","id":7,"accepted":1,"duplicates":0})");
  out.clear();
  write_ack(out, {.json = R"("x")"}, "");
  CHECK(out == R"({"type":"ack","id":"x"})");
  out.clear();
  write_heartbeat(out, {}, 5);
  CHECK(out == R"({"type":"heartbeat","server_time":5})");
  out.clear();
  write_heartbeat(out, {.json = "1"}, 5);
  CHECK(out == R"({"type":"heartbeat","id":1,"server_time":5})");
}

TEST_CASE("an error carries what its code has") {
  std::string out;
  write_error(out, {}, {.code = Code::kForbidden, .message = "no \"scope\""});
  CHECK(out == R"({"type":"error","code":"forbidden","message":"no \"scope\""})");
  out.clear();
  write_error(
      out, {.json = R"("7")"},
      {.code = Code::kTooLarge, .message = "m", .fields = {{"a", "b"}, {"c", "d"}}, .limit = 256});
  CHECK(
      out ==
      R"({"type":"error","id":"7","code":"too_large","message":"m","fields":[{"path":"a","problem":"b"},{"path":"c","problem":"d"}],"limit":256})");
  out.clear();
  write_error(out, {}, {.code = Code::kRateLimited, .message = "m", .retry_after_ms = 50});
  CHECK(out == R"({"type":"error","code":"rate_limited","message":"m","retry_after_ms":50})");
}

TEST_CASE("a problem document has the members of RFC 9457 and the hub's own") {
  CHECK(
      problem_json({.code = Code::kInvalid, .message = "x: y", .fields = {{"x", "y"}}}) ==
      R"({"type":"about:blank","title":"Bad Request","status":400,"detail":"x: y","code":"invalid","fields":[{"path":"x","problem":"y"}]})");
  CHECK(
      problem_json({.code = Code::kOverloaded, .message = "m", .retry_after_ms = 9}) ==
      R"({"type":"about:blank","title":"Service Unavailable","status":503,"detail":"m","code":"overloaded","retry_after_ms":9})");
}

TEST_CASE("a welcome tells a device from where to resume") {
  Welcome welcome{.connection = "c-1",
                  .kind = "device",
                  .subject = "boiler-7",
                  .tenant = "default",
                  .server_time = 1,
                  .expires_at = 2,
                  .heartbeat_ms = 30000,
                  .max_message_bytes = 65536,
                  .messages_per_second = 200,
                  .burst = 400,
                  .telemetry = Welcome::Resume{.epoch = "b1", .last_seq = 41}};
  CHECK(
      written(welcome) ==
      R"({"type":"welcome","connection":"c-1","kind":"device","subject":"boiler-7","tenant":"default","server_time":1,"expires_at":2,"heartbeat_ms":30000,"limits":{"max_message_bytes":65536,"messages_per_second":200,"burst":400},"telemetry":{"epoch":"b1","last_seq":41}})");
  welcome.telemetry = Welcome::Resume{};
  CHECK(written(welcome).ends_with(R"("telemetry":{"epoch":null,"last_seq":0}})"));
  welcome.telemetry.reset();
  welcome.expires_at.reset();
  CHECK(written(welcome).ends_with(R"("burst":400}})"));
  CHECK(written(welcome).find(R"("expires_at":null)") != std::string::npos);
}

TEST_CASE("events have the shapes of the protocol") {
  CHECK(written(TelemetryEvent{
            .device = "d", .offset = 5, .ts = 1, .at = 2, .metrics_json = R"({"t" : 1})"}) ==
        R"({"type":"telemetry","device":"d","offset":5,"ts":1,"at":2,"metrics":{"t" : 1}})");
  CHECK(written(TelemetryEvent{.device = "d", .metrics_json = "{}", .replay = true})
            .ends_with(R"("metrics":{},"replay":true})"));
  CHECK(
      written(
          PresenceEvent{.device = "d", .connected = true, .session = 3, .at = 4, .last_seen = 4}) ==
      R"({"type":"presence","device":"d","connected":true,"session":3,"at":4,"reason":null,"last_seen":4})");
  CHECK(
      written(
          PresenceEvent{.device = "d", .session = 3, .at = 9, .reason = "lost", .last_seen = 4}) ==
      R"({"type":"presence","device":"d","connected":false,"session":3,"at":9,"reason":"lost","last_seen":4})");
  CHECK(written(DeviceStatusEvent{.device = "d", .status = "warning", .detail = "hot", .at = 1}) ==
        R"({"type":"device.status","device":"d","status":"warning","detail":"hot","at":1})");
  CHECK(written(DeviceStatusEvent{.device = "d", .status = "ok", .at = 1}) ==
        R"({"type":"device.status","device":"d","status":"ok","detail":null,"at":1})");
  CHECK(written(Lag{.subscription = "s1", .dropped = 120, .since = 7}) ==
        R"({"type":"lag","subscription":"s1","dropped":120,"since":7})");
  std::string out;
  write_device_change(out, DeviceChange::kRegistered, "{}");
  write_device_change(out, DeviceChange::kUpdated, "{}");
  write_device_change(out, DeviceChange::kDeleted, "{}");
  write_auth_expiring(out, 5);
  CHECK(out == R"({"type":"device.registered","device":{}}{"type":"device.updated","device":{}})"
               R"({"type":"device.deleted","device":{}}{"type":"auth.expiring","expires_at":5})");
}

TEST_CASE("commands are written for their device and for those who watch") {
  CHECK(
      written(CommandDelivery{.command = "k",
                              .name = "set",
                              .params_json = R"({"c":21})",
                              .issued_at = 1,
                              .expires_at = 2,
                              .attempt = 1}) ==
      R"({"type":"command","command":"k","name":"set","params":{"c":21},"issued_at":1,"expires_at":2,"attempt":1})");
  CHECK(written(CommandDelivery{.command = "k", .name = "n"}).find("params") == std::string::npos);
  CommandUpdate update{.command = "k",
                       .device = "d",
                       .name = "n",
                       .status = "executed",
                       .result_json = "{}",
                       .at = 5};
  CHECK(
      written(update) ==
      R"({"type":"command.update","command":"k","device":"d","name":"n","status":"executed","result":{},"error":null,"at":5})");
  update.late_result_json = R"({"status":"failed"})";
  CHECK(written(update).ends_with(R"("at":5,"late_result":{"status":"failed"},"late":true})"));
}

TEST_CASE("metrics are trimmed to names, each in its own bytes") {
  const std::vector names = {"a"s, "b/c"s, "s"s};
  CHECK(trim_metrics(R"({"a":1,"x":2,"s":"q"})", names) == R"({"a":1,"s":"q"})");
  CHECK(trim_metrics("{ \"x\" : 1 ,\n \"a\" : 1.50 , \"s\" : \"}\\\",{\" }", names) ==
        R"({"a":1.50,"s":"}\",{"})");
  CHECK(trim_metrics(R"({"\u0061":true,"b\/c":false,"b\u002Fc2":1})", names) ==
        R"({"\u0061":true,"b\/c":false})");
  CHECK(trim_metrics(R"({"x":"\\","a":"\\"})", names) == R"({"a":"\\"})");
  CHECK(trim_metrics(R"({"x":1})", names) == "{}");
  CHECK(trim_metrics("{}", names) == "{}");
  CHECK(trim_metrics(" { } ", names) == "{}");
  CHECK(trim_metrics(R"({"a":1})", {}) == "{}");
}

}  // namespace fairlead::protocol
