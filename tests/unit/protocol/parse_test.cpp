#include "protocol/parse.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <variant>

#include "protocol/limits.h"

namespace fairlead::protocol {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::expected<ParsedRequest, BadRequest> parse(std::string_view json) {
  static Parser parser;
  static std::string padded;
  padded.assign(json).append(64, '\0');
  return parser.parse(Codec::kJson, std::string_view(padded).substr(0, json.size()));
}

template <typename T>
T good(std::string_view json) {
  auto parsed = parse(json);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().error.message));
  REQUIRE(std::holds_alternative<T>(parsed->request));
  return std::get<T>(std::move(parsed->request));
}

BadRequest bad(std::string_view json) {
  auto parsed = parse(json);
  REQUIRE_MESSAGE(!parsed.has_value(), json);
  return parsed.error();
}

/// The problem of the only field that is wrong, behind its path.
std::string only_problem(std::string_view json) {
  const Error error = bad(json).error;
  CHECK_MESSAGE(error.code == Code::kInvalid, json);
  REQUIRE_MESSAGE(error.fields.size() == 1, error.message);
  CHECK(error.message == error.fields[0].path + ": " + error.fields[0].problem);
  return error.message;
}

std::string paths(const Error& error) {
  std::string all;
  for (const FieldProblem& field : error.fields) all += field.path + " ";
  return all;
}

}  // namespace

TEST_CASE("what is no JSON, no object or has no type is a bad message") {
  CHECK(bad("{").error.code == Code::kBadMessage);
  CHECK(bad("").error.code == Code::kBadMessage);
  CHECK(bad(R"({"type":"heartbeat","x":1e999})").error.code == Code::kBadMessage);
  CHECK(bad(R"({"type":"heartbeat","type":"heartbeat"})").error.code == Code::kBadMessage);
  CHECK(bad("[]").error.message == "must be an object, not an array");
  CHECK(bad("5").error.message == "must be an object, not 5");
  CHECK(bad("[]").error.code == Code::kBadMessage);

  const BadRequest missing = bad(R"({"id":"7"})");
  CHECK(missing.error.code == Code::kBadMessage);
  CHECK(missing.error.message == "type: is missing");
  CHECK(missing.id.json == R"("7")");
  const BadRequest number = bad(R"({"id":7,"type":5})");
  CHECK(number.error.code == Code::kBadMessage);
  CHECK(number.error.message == "type: must be a string, not 5");
  CHECK(number.id.json == "7");
}

TEST_CASE("an unknown type is named") {
  const BadRequest unknown = bad(R"({"type":"telemetri","id":"a"})");
  CHECK(unknown.error.code == Code::kUnknownType);
  CHECK(unknown.error.message == R"(type: "telemetri" is none that is known)");
  CHECK(unknown.id.json == R"("a")");
  CHECK(bad(R"({"type":""})").error.code == Code::kUnknownType);
  CHECK(bad(R"({"type":"Heartbeat"})").error.code == Code::kUnknownType);
}

TEST_CASE("an id is carried back as it was, in its shortest form") {
  const auto id_of = [](std::string_view id) {
    auto parsed = parse(R"({"type":"heartbeat","id":)" + std::string(id) + "}");
    REQUIRE_MESSAGE(parsed.has_value(), id);
    return parsed->id.json;
  };
  CHECK(id_of("7") == "7");
  CHECK(id_of("0") == "0");
  CHECK(id_of("7.0") == "7");
  CHECK(id_of("9007199254740991") == "9007199254740991");
  CHECK(id_of(R"("7")") == R"("7")");
  CHECK(id_of(R"("")") == R"("")");
  CHECK(id_of(R"("\u0041\n\"")") == R"("A\n\"")");
  CHECK(id_of('"' + std::string(64, 'x') + '"').size() == 66);
  std::string euros = "\"";
  for (int i = 0; i < 64; ++i) euros += "€";
  CHECK(id_of(euros + "\"").size() == 2 + 64 * 3);
  CHECK(parse(R"({"type":"heartbeat"})")->id.is_none());
}

TEST_CASE("an id of the wrong type or out of range is invalid and not carried back") {
  for (const auto& id : {"-1"s, "1.5"s, "9007199254740992"s, "1e300"s, "null"s, "true"s, "[]"s,
                         "{}"s, '"' + std::string(65, 'x') + '"'}) {
    const BadRequest refused = bad(R"({"type":"nonsense","id":)" + id + "}");
    CHECK(refused.error.code == Code::kInvalid);
    CHECK(paths(refused.error) == "id ");
    CHECK(refused.id.is_none());
  }
  CHECK(bad(R"({"id":-1})").error.code == Code::kInvalid);
}

TEST_CASE("telemetry keeps the device's own bytes beside what they mean") {
  auto parsed = parse(
      R"({"type":"telemetry","ts":5,"seq":42,"epoch":"b1","x":[1],"metrics":{"t" : 21.50,"on":true,"s":"a\u0062"}})");
  REQUIRE(parsed);
  const auto& telemetry = std::get<Telemetry>(parsed->request);
  CHECK_FALSE(telemetry.is_batch);
  CHECK(telemetry.epoch == "b1");
  REQUIRE(telemetry.samples.size() == 1);
  const SampleView& sample = telemetry.samples[0];
  CHECK(sample.ts == 5);
  CHECK(sample.seq == 42);
  CHECK(sample.metrics_json == R"({"t" : 21.50,"on":true,"s":"a\u0062"})");
  REQUIRE(sample.metrics.size() == 3);
  CHECK(sample.metrics[0].name == "t");
  CHECK(sample.metrics[0].kind == ValueKind::kNumber);
  CHECK(sample.metrics[0].number == 21.5);
  CHECK(sample.metrics[0].text == "21.50");
  CHECK(sample.metrics[1].kind == ValueKind::kBoolean);
  CHECK(sample.metrics[1].text == "true");
  CHECK(sample.metrics[2].kind == ValueKind::kString);
  CHECK(sample.metrics[2].text == "ab");
}

TEST_CASE("telemetry may leave out time, sequence and epoch") {
  auto parsed = parse(R"({"type":"telemetry","metrics":{"a":1}})");
  const auto& telemetry = std::get<Telemetry>(parsed->request);
  CHECK(telemetry.epoch == std::nullopt);
  CHECK(telemetry.samples[0].ts == std::nullopt);
  CHECK(telemetry.samples[0].seq == std::nullopt);
}

TEST_CASE("telemetry names each member that breaks a rule") {
  const auto with = [](std::string_view members) {
    return only_problem(R"({"type":"telemetry",)" + std::string(members) + "}");
  };
  CHECK(with(R"("ts":1)") == "metrics: is missing");
  CHECK(with(R"("metrics":null)") == "metrics: must be an object, not null");
  CHECK(with(R"("metrics":[1])") == "metrics: must be an object, not an array");
  CHECK(with(R"("metrics":{})") == "metrics: must have 1 to 256 members, not 0");
  CHECK(with(R"("metrics":{"t":null})") ==
        "metrics.t: must be a number, boolean or string, not null");
  CHECK(with(R"("metrics":{"t":{"a":1}})") ==
        "metrics.t: must be a number, boolean or string, not an object");
  CHECK(with(R"("metrics":{"t":[]})") ==
        "metrics.t: must be a number, boolean or string, not an array");
  CHECK(with(R"("metrics":{"t x":1})") ==
        "metrics.t x: a metric's name has 1 to 64 characters of A-Z a-z 0-9 _ . : / -");
  CHECK(with(R"("metrics":{"":1})").starts_with("metrics.: a metric's name"));
  CHECK(with(R"("metrics":{"é":1})").starts_with("metrics.é: a metric's name"));
  CHECK(with(R"("metrics":{")" + std::string(65, 'n') + R"(":1})").starts_with("metrics.nnn"));
  CHECK(with(R"("metrics":{"a":1},"seq":0)") ==
        "seq: must be an integer from 1 to 9007199254740991, not 0");
  CHECK(with(R"("metrics":{"a":1},"seq":5.5)") ==
        "seq: must be an integer from 1 to 9007199254740991, not 5.5");
  CHECK(with(R"("metrics":{"a":1},"seq":9007199254740992)").starts_with("seq: "));
  CHECK(with(R"("metrics":{"a":1},"seq":null)").starts_with("seq: "));
  CHECK(with(R"("metrics":{"a":1},"seq":"5")").ends_with("not \"5\""));
  CHECK(with(R"("metrics":{"a":1},"ts":-1)").starts_with("ts: must be an integer from 0"));
  CHECK(with(R"("metrics":{"a":1},"ts":1.5)").starts_with("ts: "));
  CHECK(with(R"("metrics":{"a":1},"epoch":null)") == "epoch: must be a string, not null");
  CHECK(with(R"("metrics":{"a":1},"epoch":")" + std::string(65, 'e') + "\"") ==
        "epoch: must have at most 64 characters, not 65");
}

TEST_CASE("an integer may be written as JSON likes") {
  auto parsed = parse(R"({"type":"telemetry","ts":1764e9,"seq":5.0,"metrics":{"a":1}})");
  REQUIRE(parsed);
  CHECK(std::get<Telemetry>(parsed->request).samples[0].ts == 1'764'000'000'000);
  CHECK(std::get<Telemetry>(parsed->request).samples[0].seq == 5);
}

TEST_CASE("all problems of a message come in one error") {
  const Error error =
      bad(R"({"type":"telemetry","ts":-1,"seq":0,"epoch":5,"metrics":{"a":null,"b c":[]}})").error;
  CHECK(error.code == Code::kInvalid);
  CHECK(paths(error) == "epoch ts seq metrics.a metrics.b c metrics.b c ");
  CHECK(error.message == "epoch: must be a string, not 5 (and 5 more)");
}

TEST_CASE("an error names 32 problems and counts the rest") {
  std::string json = R"({"type":"telemetry","metrics":{"a":null)";
  for (int i = 1; i < 100; ++i) json += fmt::format(R"(,"a{}":null)", i);
  const Error error = bad(json + "}}").error;
  CHECK(error.fields.size() == kMaxProblems);
  CHECK(error.message.ends_with("(and 99 more)"));
}

TEST_CASE("too many metrics or samples and too long texts are too large") {
  const auto metrics = [](int count) {
    std::string json = "{";
    for (int i = 0; i < count; ++i) json += fmt::format("{}\"m{}\":1", i == 0 ? "" : ",", i);
    return json + "}";
  };
  CHECK(parse(R"({"type":"telemetry","metrics":)" + metrics(256) + "}"));
  Error error = bad(R"({"type":"telemetry","metrics":)" + metrics(257) + "}").error;
  CHECK(error.code == Code::kTooLarge);
  CHECK(error.limit == 256);
  CHECK(error.message == "metrics: must have 1 to 256 members, not 257");
  CHECK(paths(error) == "metrics ");

  const auto text = [](std::size_t bytes) {
    return R"({"type":"telemetry","metrics":{"s":")" + std::string(bytes, 'x') + "\"}}";
  };
  CHECK(parse(text(1024)));
  error = bad(text(1025)).error;
  CHECK(error.code == Code::kTooLarge);
  CHECK(error.limit == 1024);
  CHECK(error.message == "metrics.s: must have at most 1024 bytes, not 1025");

  const auto batch = [](int count) {
    std::string json = R"({"type":"telemetry.batch","samples":[)";
    for (int i = 0; i < count; ++i)
      json += i == 0 ? R"({"metrics":{"a":1}})" : R"(,{"metrics":{"a":1}})";
    return json + "]}";
  };
  CHECK(good<Telemetry>(batch(1000)).samples.size() == 1000);
  error = bad(batch(1001)).error;
  CHECK(error.code == Code::kTooLarge);
  CHECK(error.limit == 1000);
  CHECK(error.message == "samples: must have 1 to 1000 elements, not 1001");
}

TEST_CASE("what is both too large and invalid is invalid") {
  const Error error =
      bad(R"({"type":"telemetry","seq":0,"metrics":{"s":")" + std::string(1025, 'x') + "\"}}")
          .error;
  CHECK(error.code == Code::kInvalid);
  CHECK(error.fields.size() == 2);
}

TEST_CASE("a batch keeps its samples in order, each with its own metrics") {
  auto parsed = parse(
      R"({"type":"telemetry.batch","epoch":"e","samples":[{"seq":1,"metrics":{"a":1,"b":2}},{"seq":2,"ts":9,"metrics":{"c":3}}]})");
  REQUIRE(parsed);
  const auto& telemetry = std::get<Telemetry>(parsed->request);
  CHECK(telemetry.is_batch);
  CHECK(telemetry.epoch == "e");
  REQUIRE(telemetry.samples.size() == 2);
  CHECK(telemetry.samples[0].seq == 1);
  CHECK(telemetry.samples[0].metrics.size() == 2);
  CHECK(telemetry.samples[0].metrics[1].name == "b");
  CHECK(telemetry.samples[1].seq == 2);
  CHECK(telemetry.samples[1].ts == 9);
  CHECK(telemetry.samples[1].metrics[0].name == "c");
  CHECK(telemetry.samples[1].metrics_json == R"({"c":3})");
}

TEST_CASE("errors in a batch name the sample") {
  const auto with = [](std::string_view samples) {
    return only_problem(R"({"type":"telemetry.batch","samples":)" + std::string(samples) + "}");
  };
  CHECK(with(R"([{"metrics":{"a":1}},{"metrics":{"temperature":null}}])") ==
        "samples[1].metrics.temperature: must be a number, boolean or string, not null");
  CHECK(with(R"([{"metrics":{"a":1}},7])") == "samples[1]: must be an object, not 7");
  CHECK(with(R"([{"seq":0,"metrics":{"a":1}}])").starts_with("samples[0].seq: "));
  CHECK(with(R"([{}])") == "samples[0].metrics: is missing");
  CHECK(with("[]") == "samples: must have 1 to 1000 elements, not 0");
  CHECK(with("{}") == "samples: must be an array, not an object");
  CHECK(with("null") == "samples: must be an array, not null");
  CHECK(only_problem(R"({"type":"telemetry.batch"})") == "samples: is missing");
}

TEST_CASE("an auth needs a token") {
  CHECK(good<Auth>(R"({"type":"auth","token":"a.b.c"})").token == "a.b.c");
  CHECK(only_problem(R"({"type":"auth"})") == "token: is missing");
  CHECK(only_problem(R"({"type":"auth","token":5})") == "token: must be a string, not 5");
  CHECK(only_problem(R"({"type":"auth","token":""})").starts_with("token: must have 1 to"));
}

TEST_CASE("a heartbeat needs nothing") {
  good<Heartbeat>(R"({"type":"heartbeat"})");
  good<Heartbeat>(R"({"type":"heartbeat","anything":{"at":["all"]}})");
}

TEST_CASE("a register tells what is absent from what is cleared") {
  const auto entry = good<DeviceRegister>(
      R"({"type":"device.register","name":"Boiler","firmware":null,"metadata":{"a" : 1},"capabilities":{"metrics":{"t":{"type":"number"}}}})");
  CHECK(**entry.name == "Boiler");
  CHECK(entry.device_type == std::nullopt);
  REQUIRE(entry.firmware.has_value());
  CHECK(*entry.firmware == std::nullopt);
  CHECK(**entry.metadata == R"({"a" : 1})");
  CHECK(**entry.capabilities == R"({"metrics":{"t":{"type":"number"}}})");
  const auto empty = good<DeviceRegister>(R"({"type":"device.register"})");
  CHECK_FALSE(empty.name.has_value());
  CHECK_FALSE(empty.capabilities.has_value());
}

TEST_CASE("a register refuses members of the wrong type") {
  const auto with = [](std::string_view members) {
    return only_problem(R"({"type":"device.register",)" + std::string(members) + "}");
  };
  CHECK(with(R"("name":5)") == "name: must be a string, not 5");
  CHECK(with(R"("name":")" + std::string(257, 'n') + "\"") ==
        "name: must have at most 256 characters, not 257");
  CHECK(with(R"("device_type":[])") == "device_type: must be a string, not an array");
  CHECK(with(R"("firmware":true)") == "firmware: must be a string, not true");
  CHECK(with(R"("metadata":"x")") == R"(metadata: must be an object, not "x")");
  CHECK(with(R"("capabilities":[])") == "capabilities: must be an object, not an array");
  CHECK(
      with(R"("capabilities":{"metrics":{"t":{"type":"float"}}})") ==
      R"(capabilities.metrics.t.type: must be one of number, integer, boolean, string, not "float")");
}

TEST_CASE("a status is one of four words") {
  const auto status =
      good<DeviceStatus>(R"({"type":"device.status","status":"ok","detail":"fine"})");
  CHECK(status.status == "ok");
  CHECK(status.detail == "fine");
  CHECK(good<DeviceStatus>(R"({"type":"device.status","status":"error","detail":null})").detail ==
        std::nullopt);
  good<DeviceStatus>(R"({"type":"device.status","status":"warning"})");
  good<DeviceStatus>(R"({"type":"device.status","status":"maintenance"})");
  CHECK(only_problem(R"({"type":"device.status","status":"broken"})") ==
        R"(status: must be one of ok, warning, error, maintenance, not "broken")");
  CHECK(only_problem(R"({"type":"device.status"})") == "status: is missing");
  CHECK(only_problem(R"({"type":"device.status","status":"ok","detail":5})").starts_with("detail"));
  CHECK(only_problem(R"({"type":"device.status","status":"ok","detail":")" +
                     std::string(1025, 'd') + "\"}") ==
        "detail: must have at most 1024 characters, not 1025");
}

}  // namespace fairlead::protocol
