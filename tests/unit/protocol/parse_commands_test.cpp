#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <variant>

#include "protocol/limits.h"
#include "protocol/parse.h"

namespace fairlead::protocol {
namespace {

using namespace std::string_literals;

template <typename T>
T good(std::string_view json) {
  Parser parser;
  std::string padded(json);
  padded.append(64, '\0');
  auto parsed = parser.parse(Codec::kJson, std::string_view(padded).substr(0, json.size()));
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().error.message));
  return std::get<T>(std::move(parsed->request));
}

std::string problem(std::string_view json) {
  Parser parser;
  std::string padded(json);
  padded.append(64, '\0');
  const auto parsed = parser.parse(Codec::kJson, std::string_view(padded).substr(0, json.size()));
  REQUIRE_MESSAGE(!parsed.has_value(), json);
  CHECK(parsed.error().error.code == Code::kInvalid);
  return parsed.error().error.message;
}

std::string subscribe(std::string_view members) {
  return R"({"type":"subscribe",)" + std::string(members) + "}";
}

}  // namespace

TEST_CASE("a subscribe has everything it was given") {
  const auto wish = good<Subscribe>(subscribe(
      R"("devices":["a","b/*","*"],"events":["telemetry","presence"],"metrics":["z","a","z"],"min_interval_ms":250,"after":{"a":7,"b/1":0},"durable":"board")"));
  CHECK(wish.devices == std::vector{"a"s, "b/*"s, "*"s});
  CHECK(wish.events == 3);
  CHECK(wish.metrics == std::vector{"a"s, "z"s});
  CHECK(wish.min_interval_ms == 250);
  CHECK(wish.after == std::vector<std::pair<std::string, std::int64_t>>{{"a", 7}, {"b/1", 0}});
  CHECK(wish.since == std::nullopt);
  CHECK(wish.durable == "board");
}

TEST_CASE("a subscribe of only devices asks for all") {
  const auto wish = good<Subscribe>(subscribe(R"("devices":["*"])"));
  CHECK(wish.events == std::nullopt);
  CHECK(wish.metrics == std::nullopt);
  CHECK(wish.min_interval_ms == 0);
  CHECK(wish.after.empty());
  CHECK(wish.durable == std::nullopt);
  CHECK(good<Subscribe>(subscribe(R"("devices":["*"],"since":1764000000000)")).since ==
        1'764'000'000'000);
  CHECK(good<Subscribe>(
            subscribe(
                R"("devices":["*"],"events":["telemetry","presence","status","device","command"])"))
            .events == 31);
}

TEST_CASE("only a durable subscription is taken up without devices") {
  CHECK(good<Subscribe>(subscribe(R"("durable":"board")")).devices.empty());
  CHECK(problem(R"({"type":"subscribe"})").starts_with("devices: is missing"));
  CHECK(problem(subscribe(R"("durable":"")")) == "durable: must have 1 to 64 characters, not 0");
  CHECK(problem(subscribe(R"("durable":")" + std::string(65, 'd') + "\"")) ==
        "durable: must have 1 to 64 characters, not 65");
  CHECK(problem(subscribe(R"("durable":"board","devices":[])")) ==
        "devices: must have 1 to 1000 elements, not 0");
}

TEST_CASE("a subscribe refuses bad members") {
  CHECK(problem(subscribe(R"("devices":[])")) == "devices: must have 1 to 1000 elements, not 0");
  CHECK(problem(subscribe(R"("devices":"a")")) == R"(devices: must be an array, not "a")");
  CHECK(problem(subscribe(R"("devices":["a",5])")) ==
        "devices[1]: must be a device's id or a prefix of ids that ends in *, not 5");
  CHECK(problem(subscribe(R"("devices":["a*b"])")).starts_with("devices[0]: "));
  CHECK(problem(subscribe(R"("devices":["**"])")).starts_with("devices[0]: "));
  CHECK(problem(subscribe(R"("devices":[""])")).starts_with("devices[0]: "));
  std::string many = R"("devices":["a")";
  for (int i = 0; i < 1000; ++i) many += R"(,"a")";
  CHECK(problem(subscribe(many + "]")) == "devices: must have 1 to 1000 elements, not 1001");
  const auto with = [](std::string_view member) {
    return problem(subscribe(R"("devices":["*"],)" + std::string(member)));
  };
  CHECK(with(R"("events":["nothing"])") ==
        "events[0]: must be one of telemetry, presence, status, device, command, not \"nothing\"");
  CHECK(with(R"("events":[])").starts_with("events: "));
  CHECK(with(R"("events":"telemetry")").starts_with("events: must be an array"));
  CHECK(with(R"("metrics":[])") == "metrics: must have 1 to 256 elements, not 0");
  CHECK(with(R"("metrics":["a b"])").starts_with("metrics[0]: must be a metric's name"));
  CHECK(with(R"("min_interval_ms":3600001)").starts_with("min_interval_ms: must be an integer"));
  CHECK(with(R"("min_interval_ms":-1)").starts_with("min_interval_ms: "));
  CHECK(with(R"("after":[])") == "after: must be an object, not an array");
  CHECK(with(R"("after":{"a":-1})").starts_with("after.a: must be an integer from 0"));
  CHECK(with(R"("after":{"a":"1"})").starts_with("after.a: "));
  CHECK(with(R"("after":{"a b":1})").starts_with("after.a b: a device's id"));
  CHECK(with(R"("since":"now")").starts_with("since: must be an integer from 0"));
}

TEST_CASE("an unsubscribe names one of its two ways") {
  CHECK(good<Unsubscribe>(R"({"type":"unsubscribe","subscription":"s1"})").subscription == "s1");
  CHECK(good<Unsubscribe>(R"({"type":"unsubscribe","durable":"board"})").durable == "board");
  CHECK(problem(R"({"type":"unsubscribe"})") == "subscription: is missing, and so is `durable`");
  CHECK(problem(R"({"type":"unsubscribe","subscription":"s","durable":"d"})")
            .starts_with("subscription: "));
  CHECK(problem(R"({"type":"unsubscribe","subscription":5})").starts_with("subscription: "));
}

TEST_CASE("a command has its defaults") {
  const auto send = good<CommandSend>(R"({"type":"command.send","device":"d:1","name":"reboot"})");
  CHECK(send.device == "d:1");
  CHECK(send.name == "reboot");
  CHECK(send.params == std::nullopt);
  CHECK(send.timeout_ms == 10'000);
  CHECK_FALSE(send.queue);
  CHECK(send.idempotency_key == std::nullopt);
}

TEST_CASE("a command has everything it was given") {
  const auto send = good<CommandSend>(
      R"({"type":"command.send","device":"d","name":"set","params":{"a" : [1]},"timeout_ms":100,"delivery":"queue","idempotency_key":"k"})");
  CHECK(send.params == R"({"a" : [1]})");
  CHECK(send.timeout_ms == 100);
  CHECK(send.queue);
  CHECK(send.idempotency_key == "k");
  const auto params_of = [](std::string_view params) {
    return *good<CommandSend>(R"({"type":"command.send","device":"d","name":"n","params":)" +
                              std::string(params) + "}")
                .params;
  };
  CHECK(params_of("null") == "null");
  CHECK(params_of("5.50") == "5.50");
  CHECK(params_of(R"("a\u0041\"")") == R"("aA\"")");
}

TEST_CASE("a command refuses bad members") {
  const auto with = [](std::string_view members) {
    return problem(R"({"type":"command.send",)" + std::string(members) + "}");
  };
  CHECK(with(R"("name":"n")") == "device: is missing");
  CHECK(with(R"("device":"a b","name":"n")").starts_with("device: must be a device's id"));
  CHECK(with(R"("device":"a*","name":"n")").starts_with("device: must be a device's id"));
  CHECK(with(R"("device":5,"name":"n")").starts_with("device: must be a device's id"));
  CHECK(with(R"("device":"d")") == "name: is missing");
  CHECK(with(R"("device":"d","name":"")") == "name: must have 1 to 128 characters, not 0");
  CHECK(with(R"("device":"d","name":")" + std::string(129, 'n') + "\"") ==
        "name: must have 1 to 128 characters, not 129");
  CHECK(with(R"("device":"d","name":"n","timeout_ms":99)") ==
        "timeout_ms: must be an integer from 100 to 86400000, not 99");
  CHECK(with(R"("device":"d","name":"n","timeout_ms":86400001)").starts_with("timeout_ms: "));
  CHECK(with(R"("device":"d","name":"n","delivery":"later")") ==
        R"(delivery: must be one of now, queue, not "later")");
  CHECK(with(R"("device":"d","name":"n","idempotency_key":"")")
            .starts_with("idempotency_key: must have 1 to 256"));
  CHECK(with(R"("device":"d","name":"n","idempotency_key":")" + std::string(257, 'k') + "\"")
            .starts_with("idempotency_key: "));
}

TEST_CASE("a command is accepted, answered, cancelled and asked for by its id") {
  CHECK(good<CommandAccept>(R"({"type":"command.accept","command":"k-1"})").command == "k-1");
  CHECK(good<CommandCancel>(R"({"type":"command.cancel","command":"k-1"})").command == "k-1");
  CHECK(good<CommandGet>(R"({"type":"command.get","command":"k-1"})").command == "k-1");
  CHECK(good<FleetGet>(R"({"type":"fleet.get","fleet":"f-1"})").fleet == "f-1");
  CHECK(good<FleetCancel>(R"({"type":"fleet.cancel","fleet":"f-1"})").fleet == "f-1");
  for (const auto type : {"command.accept", "command.cancel", "command.get"}) {
    CHECK(problem(fmt::format(R"({{"type":"{}"}})", type)) == "command: is missing");
    CHECK(problem(fmt::format(R"({{"type":"{}","command":5}})", type)) ==
          "command: must be a string, not 5");
  }
  CHECK(problem(R"({"type":"fleet.get"})") == "fleet: is missing");
}

TEST_CASE("a result keeps its value and error") {
  auto result = good<CommandResult>(
      R"({"type":"command.result","command":"k","status":"executed","result":{"a" : 1}})");
  CHECK(result.executed);
  CHECK(result.result == R"({"a" : 1})");
  CHECK(result.error == std::nullopt);
  result = good<CommandResult>(
      R"({"type":"command.result","command":"k","status":"failed","result":null,"error":{"message":"too \"hot\"","code":"heat","x":1}})");
  CHECK_FALSE(result.executed);
  CHECK(result.result == "null");
  CHECK(result.error == R"({"code":"heat","message":"too \"hot\""})");
}

TEST_CASE("a result refuses bad members") {
  const auto with = [](std::string_view members) {
    return problem(R"({"type":"command.result","command":"k",)" + std::string(members) + "}");
  };
  CHECK(with(R"("x":1)") == "status: is missing");
  CHECK(with(R"("status":"done")") == R"(status: must be one of executed, failed, not "done")");
  CHECK(with(R"("status":"failed","error":"x")") == R"(error: must be an object, not "x")");
  CHECK(with(R"("status":"failed","error":{"message":"m"})") == "error.code: is missing");
  CHECK(with(R"("status":"failed","error":{"code":"c"})") == "error.message: is missing");
  CHECK(with(R"("status":"failed","error":{"code":5,"message":"m"})") ==
        "error.code: must be a string, not 5");
}

TEST_CASE("a command to a fleet has its defaults and its bounds") {
  auto send = good<FleetSend>(R"({"type":"fleet.send","devices":["a","b*"],"name":"n"})");
  CHECK(send.devices == std::vector{"a"s, "b*"s});
  CHECK(send.command.name == "n");
  CHECK(send.command.device.empty());
  CHECK(send.max_in_flight == 100);
  CHECK(send.stop_after_failures == std::nullopt);
  send = good<FleetSend>(
      R"({"type":"fleet.send","devices":["a"],"name":"n","max_in_flight":1,"stop_after_failures":2,"device":5})");
  CHECK(send.max_in_flight == 1);
  CHECK(send.stop_after_failures == 2);
  CHECK(problem(R"({"type":"fleet.send","name":"n"})") == "devices: is missing");
  CHECK(problem(R"({"type":"fleet.send","devices":["a"],"name":"n","max_in_flight":0})")
            .starts_with("max_in_flight: "));
  CHECK(problem(R"({"type":"fleet.send","devices":["a"],"name":"n","stop_after_failures":0})")
            .starts_with("stop_after_failures: "));
}

TEST_CASE("bodies over HTTP follow the same rules without type and id") {
  Parser parser;
  const auto telemetry = parser.parse_telemetry_body(R"({"id":-1,"type":5,"metrics":{"a":1}})");
  REQUIRE(telemetry);
  CHECK_FALSE(telemetry->is_batch);
  CHECK(telemetry->samples[0].metrics_json == R"({"a":1})");
  const auto batch = parser.parse_telemetry_body(
      R"({"epoch":"e","samples":[{"seq":1,"metrics":{"a":1}},{"seq":2,"metrics":{"a":1}}]})");
  REQUIRE(batch);
  CHECK(batch->is_batch);
  CHECK(batch->samples.size() == 2);
  CHECK(parser.parse_telemetry_body("[]").error().code == Code::kBadMessage);
  CHECK(parser.parse_telemetry_body("").error().code == Code::kBadMessage);
  CHECK(parser.parse_telemetry_body("{}").error().message == "metrics: is missing");

  const auto device = parser.parse_device_body(R"({"id":5,"disabled":true,"name":null})");
  REQUIRE(device);
  CHECK(device->disabled == true);
  CHECK(device->entry.name.has_value());
  CHECK(parser.parse_device_body("{}")->disabled == std::nullopt);
  CHECK(parser.parse_device_body(R"({"disabled":1})").error().message ==
        "disabled: must be true or false, not 1");
  CHECK(parser.parse_device_body(R"({"disabled":null})").error().code == Code::kInvalid);

  CHECK(parser.parse_command_body(R"({"name":"n","device":5})")->name == "n");
  CHECK(parser.parse_command_body("{}").error().message == "name: is missing");
  CHECK(parser.parse_fleet_body(R"({"devices":["*"],"name":"n"})")->devices.size() == 1);
}

}  // namespace fairlead::protocol
