#include "protocol/capabilities.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace fairlead::protocol {
namespace {

Capabilities declared(std::string_view json) {
  auto parsed = Capabilities::parse(json);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().message));
  return std::move(*parsed);
}

Capabilities one_metric(std::string_view rules) {
  return declared(R"({"metrics":{"m":)" + std::string(rules) + "}}");
}

std::string refused(std::string_view json) {
  const auto parsed = Capabilities::parse(json);
  REQUIRE_MESSAGE(!parsed.has_value(), json);
  CHECK(parsed.error().code == Code::kInvalid);
  return parsed.error().message;
}

std::string refused_metric(std::string_view rules) {
  return refused(R"({"metrics":{"m":)" + std::string(rules) + "}}");
}

MetricView number(double value, std::string_view name = "m") {
  return {.name = name, .kind = ValueKind::kNumber, .text = {}, .number = value};
}
MetricView boolean(bool value) {
  return {.name = "m", .kind = ValueKind::kBoolean, .text = value ? "true" : "false"};
}
MetricView text(std::string_view value) {
  return {.name = "m", .kind = ValueKind::kString, .text = value};
}

/// The problem with one metric; empty when there is none.
std::string problem(const Capabilities& capabilities, const MetricView& metric) {
  const auto problems = capabilities.check(std::span(&metric, 1), "");
  if (problems.empty()) return "";
  CHECK(problems.size() == 1);
  CHECK(problems[0].path == "metrics." + std::string(metric.name));
  return problems[0].problem;
}

}  // namespace

TEST_CASE("what declares nothing takes everything") {
  const Capabilities nothing;
  CHECK_FALSE(nothing.declares_metrics());
  CHECK(problem(nothing, number(1)).empty());
  CHECK(nothing.takes("anything"));
  CHECK(nothing.params_schema("anything").empty());
  CHECK_FALSE(declared("{}").declares_metrics());
  CHECK(declared(R"({"unknown":[1]})").takes("anything"));
}

TEST_CASE("a value must have its declared type") {
  CHECK(problem(one_metric(R"({"type":"number"})"), number(1.5)).empty());
  CHECK(problem(one_metric(R"({"type":"number"})"), text("1")) == "must be a number, as declared");
  CHECK(problem(one_metric(R"({"type":"integer"})"), number(5)).empty());
  CHECK(problem(one_metric(R"({"type":"integer"})"), number(1e300)).empty());
  CHECK(problem(one_metric(R"({"type":"integer"})"), number(5.5)) ==
        "must be an integer, as declared");
  CHECK(problem(one_metric(R"({"type":"boolean"})"), boolean(true)).empty());
  CHECK(problem(one_metric(R"({"type":"boolean"})"), number(1)) ==
        "must be a boolean, as declared");
  CHECK(problem(one_metric(R"({"type":"string"})"), text("x")).empty());
  CHECK(problem(one_metric(R"({"type":"string"})"), boolean(true)) ==
        "must be a string, as declared");
}

TEST_CASE("a number must be in its declared range") {
  const auto range = one_metric(R"({"type":"number","unit":"Cel","minimum":-40,"maximum":125})");
  CHECK(problem(range, number(-40)).empty());
  CHECK(problem(range, number(125)).empty());
  CHECK(problem(range, number(412)) == "above the declared maximum 125");
  CHECK(problem(range, number(-40.5)) == "below the declared minimum -40");
  CHECK(problem(one_metric(R"({"type":"number","maximum":0.5})"), number(1)) ==
        "above the declared maximum 0.5");
}

TEST_CASE("a text must not be longer than declared, in code points") {
  const auto short_text = one_metric(R"({"type":"string","maxLength":3})");
  CHECK(problem(short_text, text("€€€")).empty());
  CHECK(problem(short_text, text("abcd")) == "longer than the declared 3 characters");
  CHECK(problem(one_metric(R"({"type":"string","maxLength":0})"), text("")).empty());
}

TEST_CASE("a value must be one of those declared") {
  const auto numbers = one_metric(R"({"type":"number","enum":[1,2.5e0]})");
  CHECK(problem(numbers, number(1)).empty());
  CHECK(problem(numbers, number(2.5)).empty());
  CHECK(problem(numbers, number(3)) == "is not one of the declared values");
  const auto words = one_metric(R"({"type":"string","enum":["on","o\u0066f"]})");
  CHECK(problem(words, text("off")).empty());
  CHECK(problem(words, text("On")) == "is not one of the declared values");
  CHECK(problem(one_metric(R"({"type":"boolean","enum":[true]})"), boolean(false)) ==
        "is not one of the declared values");
}

TEST_CASE("undeclared metrics are taken unless that is declared") {
  CHECK(problem(one_metric(R"({"type":"number"})"), number(1, "other")).empty());
  const auto closed = declared(R"({"metrics":{"m":{"type":"number"}},"additional":false})");
  CHECK(problem(closed, number(1)).empty());
  CHECK(problem(closed, number(1, "other")) == "is not declared");
  CHECK(problem(declared(R"({"additional":false})"), number(1)) == "is not declared");
  CHECK(declared(R"({"additional":false})").declares_metrics());
}

TEST_CASE("required metrics must be there, and paths have their prefix") {
  const auto strict = declared(
      R"({"metrics":{"b":{"type":"number","required":true},"a":{"type":"number","required":true},"c":{"type":"number"}}})");
  const std::vector metrics = {number(1, "a"), number(1, "c")};
  const auto problems = strict.check(metrics, "samples[1].");
  REQUIRE(problems.size() == 1);
  CHECK(problems[0] == FieldProblem{"samples[1].metrics.b", "is required"});
  const std::vector all = {number(1, "b"), number(1, "a")};
  CHECK(strict.check(all, "").empty());
}

TEST_CASE("all problems of a sample are found, within bounds") {
  const auto closed = declared(R"({"additional":false})");
  std::vector<std::string> names;
  names.reserve(100);
  for (int i = 0; i < 100; ++i) names.push_back("m" + std::to_string(i));
  std::vector<MetricView> metrics;
  metrics.reserve(names.size());
  for (const std::string& name : names) metrics.push_back(number(1, name));
  CHECK(closed.check(metrics, "").size() == 32);
  CHECK(closed.check(std::span(metrics).first(5), "").size() == 5);
}

TEST_CASE("commands are those declared, or any") {
  const auto some = declared(
      R"({"commands":{"set":{"description":"sets","params":{"type" : "object"}},"go":{},"any":{"params":true}}})");
  CHECK(some.takes("set"));
  CHECK(some.takes("go"));
  CHECK_FALSE(some.takes("stop"));
  CHECK(some.params_schema("set") == R"({"type" : "object"})");
  CHECK(some.params_schema("go").empty());
  CHECK(some.params_schema("any") == "true");
  CHECK(some.params_schema("stop").empty());
  CHECK_FALSE(declared(R"({"commands":{}})").takes("set"));
}

TEST_CASE("a declaration that makes no sense is refused, and says where") {
  CHECK(refused("[]") == "capabilities: must be an object, not an array");
  CHECK(refused(R"({"metrics":[]})") == "capabilities.metrics: must be an object, not an array");
  CHECK(refused(R"({"additional":1})") == "capabilities.additional: must be true or false, not 1");
  CHECK(refused(R"({"commands":null})") == "capabilities.commands: must be an object, not null");
  CHECK(refused(R"({"commands":{"c":1}})") == "capabilities.commands.c: must be an object, not 1");
  CHECK(refused(R"({"commands":{"c":{"params":[]}}})") ==
        "capabilities.commands.c.params: must be a JSON Schema (an object or a boolean), not an "
        "array");
  CHECK(refused(R"({"commands":{"":{}}})").ends_with("a command's name has 1 to 128 characters"));
  CHECK(refused(R"({"metrics":{"a b":{"type":"number"}}})")
            .starts_with("capabilities.metrics.a b: a metric's name"));
  CHECK(refused_metric("5") == "capabilities.metrics.m: must be an object, not 5");
  CHECK(refused_metric("{}") == "capabilities.metrics.m.type: is missing");
  CHECK(
      refused_metric(R"({"type":"float"})") ==
      R"(capabilities.metrics.m.type: must be one of number, integer, boolean, string, not "float")");
  CHECK(refused_metric(R"({"type":"number","unit":5})") ==
        "capabilities.metrics.m.unit: must be a string, not 5");
  CHECK(refused_metric(R"({"type":"number","minimum":2,"maximum":1})") ==
        "capabilities.metrics.m.minimum: 2 is above the maximum 1");
  CHECK(refused_metric(R"({"type":"number","minimum":"2"})") ==
        R"(capabilities.metrics.m.minimum: must be a number, not "2")");
  CHECK(refused_metric(R"({"type":"string","maxLength":-1})")
            .starts_with("capabilities.metrics.m.maxLength: must be an integer from 0"));
  CHECK(refused_metric(R"({"type":"string","maxLength":1.5})")
            .starts_with("capabilities.metrics.m.maxLength: "));
  CHECK(refused_metric(R"({"type":"number","enum":[]})") ==
        "capabilities.metrics.m.enum: must have at least one value");
  CHECK(refused_metric(R"({"type":"number","enum":1})") ==
        "capabilities.metrics.m.enum: must be an array, not 1");
  CHECK(refused_metric(R"({"type":"number","enum":[1,"a"]})") ==
        R"(capabilities.metrics.m.enum[1]: "a" is not of the metric's type)");
  CHECK(refused_metric(R"({"type":"number","maxLength":5})") ==
        "capabilities.metrics.m.maxLength: is for strings only");
  CHECK(refused_metric(R"({"type":"boolean","maximum":5})") ==
        "capabilities.metrics.m.maximum: is for numbers only");
  CHECK(refused_metric(R"({"type":"string","minimum":5})") ==
        "capabilities.metrics.m.minimum: is for numbers only");
  CHECK(refused_metric(R"({"type":"integer","enum":[1.5]})").find("enum") != std::string::npos);
  CHECK(refused_metric(R"({"type":"number","enum":[null]})").find("enum") != std::string::npos);
  CHECK(refused_metric(R"({"type":"number","required":"yes"})") ==
        R"(capabilities.metrics.m.required: must be true or false, not "yes")");
}

TEST_CASE("a declaration is bounded in metrics, commands and bytes") {
  const auto many = [](std::string_view member, int count) {
    std::string json = fmt::format(R"({{"{}":{{)", member);
    for (int i = 0; i < count; ++i) {
      json += fmt::format(R"({}"n{}":{{"type":"number"}})", i == 0 ? "" : ",", i);
    }
    return json + "}}";
  };
  declared(many("metrics", 256));
  declared(many("commands", 256));
  CHECK(refused(many("metrics", 257)) ==
        "capabilities.metrics: must have at most 256 members, not 257");
  CHECK(refused(many("commands", 257)) ==
        "capabilities.commands: must have at most 256 members, not 257");
  CHECK(refused(R"({"x":")" + std::string(65'536, 'x') + "\"}")
            .starts_with("capabilities: must have at most 65536 bytes"));
}

TEST_CASE("all problems of a declaration come in one error") {
  const auto parsed = Capabilities::parse(
      R"({"metrics":{"a":{"type":"x","unit":1},"b":{"type":"number","minimum":1,"maximum":0}}})");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().fields.size() == 3);
}

}  // namespace fairlead::protocol
