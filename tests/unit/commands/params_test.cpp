// What a client is told about params, and that a device's schema costs a bounded amount of work.
#include "commands/params.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace fairlead::commands {
namespace {

std::vector<FieldProblem> problems(std::string_view schema, const std::string& params) {
  const Result<void> result = Params().check(schema, params);
  if (result) return {};
  CHECK(result.error().code == Code::kInvalid);
  return result.error().fields;
}

std::string message(std::string_view schema, const std::optional<std::string>& params) {
  const Result<void> result = Params().check(schema, params);
  return result ? "" : result.error().message;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST_CASE("every problem names its place, and the first one is the message") {
  const auto schema = R"({"type":"object","required":["mode"],"additionalProperties":false,
    "properties":{"celsius":{"type":"number","maximum":80},
                  "steps":{"items":{"minimum":1.5}},"mode":{"enum":["a","b"]}}})";
  CHECK(problems(schema, R"({"celsius":412,"steps":[2,1,"x"],"other":1})") ==
        std::vector<FieldProblem>{{"params.mode", "is required"},
                                  {"params.celsius", "above the declared maximum 80"},
                                  {"params.other", "is not declared"},
                                  {"params.steps[1]", "below the declared minimum 1.5"}});
  CHECK(message(schema, R"({"celsius":"hot","mode":"a"})") == "params.celsius: must be a number");
  CHECK(message(schema, "[]") == "params: must be an object");
}

TEST_CASE("no params are checked as an empty object") {
  CHECK(message(R"({"type":"object"})", std::nullopt) == "");
  CHECK(message(R"({"required":["a"]})", std::nullopt) == "params.a: is required");
  CHECK(message("", std::nullopt) == "");
}

TEST_CASE("alternatives tell that none fits, not why each does not") {
  CHECK(message(R"({"anyOf":[{"type":"string"},{"minimum":5}]})", "1") ==
        "params: fits none of the declared alternatives");
  CHECK(message(R"({"oneOf":[{"minimum":1},{"minimum":2}]})", "3") ==
        "params: fits more than one of the declared alternatives");
}

TEST_CASE("a schema that cannot be used refuses all params and says why") {
  const auto refused = [](std::string_view schema, std::string_view why) {
    const std::string told = message(schema, "{}");
    CAPTURE(told);
    CHECK(told.find("cannot be used") != std::string::npos);
    CHECK(told.find(why) != std::string::npos);
  };
  refused(R"({"minimum":"1"})", "minimum must be of type number");
  refused(R"({"multipleOf":0})", "multipleOf must be above 0");
  refused(R"({"maxLength":-1})", "maxLength must be a whole number from 0 on");
  refused(R"({"type":"float"})", "float is no type");
  refused(R"j({"pattern":"(?=a)"})j", "pattern (?=a) cannot be used");
  refused(R"j({"pattern":"((a{100}){100}){100}"})j", "pattern");
  refused(R"({"$ref":"http://example.com/x"})", "leads to nothing in it");
  refused(R"({"$ref":"#/definitions/none"})", "leads to nothing in it");
  refused(R"({"properties":{"a":7}})", "a schema must be an object or a boolean");
  refused(R"({"required":[1]})", "required must hold strings");
  refused(R"({"anyOf":[]})", "anyOf must not be empty");
  refused(R"({"properties":[]})", "properties must be of type object");
  refused("{", "not JSON");
}

TEST_CASE("a part that nothing leads to may be broken") {
  CHECK(message(R"({"definitions":{"a":{"type":"float"}}})", "{}") == "");
}

TEST_CASE("schemas that never end or explode are cut off with a clear error") {
  const std::string cut = "params: takes too much work to check against the declared schema";
  CHECK(message(R"({"$ref":"#"})", "1") == cut);
  CHECK(message(R"({"allOf":[{"$ref":"#"},{"$ref":"#"}]})", "1") == cut);
  CHECK(message(R"({"not":{"$ref":"#"}})", "1") == cut);
  CHECK(message(R"({"anyOf":[{"$ref":"#"},{"items":{"$ref":"#"}}]})", "[[1]]") == cut);
  std::string doubling = R"({"definitions":{"d0":{"type":"integer"})";
  for (int i = 1; i < 60; ++i) {
    const std::string of = R"({"$ref":"#/definitions/d)" + std::to_string(i - 1) + R"("})";
    doubling += R"(,"d)" + std::to_string(i) + R"(":{"allOf":[)" + of + "," + of + "]}";
  }
  CHECK(message(doubling + R"(},"$ref":"#/definitions/d59"})", "1") == cut);
}

TEST_CASE("long chains, deep values and wide ones end soon") {
  std::string chain = R"({"definitions":{"d0":{"type":"string"})";
  for (int i = 1; i < 2000; ++i) {
    chain += R"(,"d)" + std::to_string(i) + R"(":{"$ref":"#/definitions/d)" +
             std::to_string(i - 1) + R"("})";
  }
  CHECK(message(chain + R"(},"$ref":"#/definitions/d1999"})", "1").find("too much work") !=
        std::string::npos);
  const std::string deep = repeated("[", 60) + repeated("]", 60);
  CHECK(message(R"({"type":"array","items":{"$ref":"#"}})", deep) == "");
  CHECK(message(R"({"uniqueItems":true})", "[" + repeated("1,2,", 8000) + "3]") ==
        "params: holds an item twice");
}

TEST_CASE("what sank other validators does not sink this one") {
  const std::string text = "\"" + repeated("a", 40'000) + "\"";
  CHECK(message(R"({"pattern":"^(a|b)*$"})", text) == "");
  CHECK(message(R"({"pattern":"(a+)+$"})", text) == "");
  const auto begin = std::chrono::steady_clock::now();
  CHECK(message(R"({"pattern":"^(a?){200}(a{1,30}){30}b"})", text) != "");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("compiled schemas are kept up to a bound, the last used ones") {
  Params params;
  for (int i = 0; i < 1000; ++i) {
    const std::string schema = R"({"minimum":)" + std::to_string(i) + "}";
    CHECK(!params.check(schema, "-1"));
  }
  CHECK(params.size() == 256);
  for (int i = 0; i < 100; ++i) {
    const std::string padding(60'000, ' ');
    CHECK(!params.check(R"({"minimum":)" + std::to_string(i) + padding + "}", "-1"));
  }
  CHECK(params.size() < 20);
}

TEST_CASE("references go to ids, anchors and pointers of the same document") {
  const auto schema = R"({"$id":"http://example.com/root.json",
    "definitions":{"a":{"$id":"#count","type":"integer"},
                   "b/c":{"$id":"other.json","type":"string"},"d%":{"maximum":3}},
    "items":[{"$ref":"#count"},{"$ref":"other.json"},{"$ref":"#/definitions/b~1c"},
             {"$ref":"#/definitions/d%25"}]})";
  CHECK(problems(schema, R"([1,"a","b",3])").empty());
  CHECK(problems(schema, R"(["1",2,3,4])").size() == 4);
}

}  // namespace
TEST_CASE("a declaration names where each schema cannot be used") {
  const auto path = [](const std::string& schema) {
    const auto declared =
        protocol::Capabilities::parse(R"({"commands":{"set":{"params":)" + schema + "}}}");
    REQUIRE(declared.has_value());
    const auto result = Params::check_declared(*declared);
    if (result) return std::string();
    CHECK(result.error().code == Code::kInvalid);
    REQUIRE(result.error().fields.size() == 1);
    return result.error().fields[0].path;
  };
  const std::string params = "capabilities.commands.set.params";
  CHECK(path(R"({"type":"object","properties":{"celsius":{"type":"number"}}})").empty());
  CHECK(path(R"({"type":"float"})") == params + ".type");
  CHECK(path(R"({"properties":{"a":{"properties":{"b":{"type":5}}}}})") ==
        params + ".properties.a.properties.b.type");
  CHECK(path(R"({"properties":{"a":5}})") == params + ".properties.a");
  CHECK(path(R"({"properties":[]})") == params + ".properties");
  CHECK(path(R"({"items":[{},{"minimum":"x"}]})") == params + ".items[1].minimum");
  CHECK(path(R"({"anyOf":[]})") == params + ".anyOf");
  CHECK(path(R"({"anyOf":[{"maxLength":-1}]})") == params + ".anyOf[0].maxLength");
  CHECK(path(R"({"not":{"pattern":"("}})") == params + ".not.pattern");
  CHECK(path(R"({"patternProperties":{"(":{}}})") == params + ".patternProperties");
  CHECK(path(R"({"definitions":{"x":{"required":[1]}},"$ref":"#/definitions/x"})") ==
        params + ".definitions.x.required");
  CHECK(path(R"({"properties":{"a":{"$ref":"#/nowhere"}}})") == params + ".properties.a.$ref");
}

TEST_CASE("a declaration names every command whose schema cannot be used") {
  const auto declared = protocol::Capabilities::parse(
      R"({"commands":{"a":{"params":{"type":"x"}},"b":{},"c":{"params":{"enum":1}}}})");
  REQUIRE(declared.has_value());
  const auto result = Params::check_declared(*declared);
  REQUIRE_FALSE(result.has_value());
  REQUIRE(result.error().fields.size() == 2);
  CHECK(result.error().fields[0].path == "capabilities.commands.a.params.type");
  CHECK(result.error().fields[1].path == "capabilities.commands.c.params.enum");
}

}  // namespace fairlead::commands
