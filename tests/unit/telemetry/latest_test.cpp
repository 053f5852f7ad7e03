#include "telemetry/latest.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "telemetry/flat_metrics.h"

namespace fairlead::telemetry {
namespace {

std::string json_of(const Latest& latest, const std::vector<std::string>& names = {}) {
  std::string json;
  latest.write_json(json, names);
  return json;
}

}  // namespace

TEST_CASE("the newest value of each metric counts, newest by ts and then offset") {
  Latest latest;
  CHECK(json_of(latest) == "{}");
  latest.fold(100, 1, R"({"a":1,"b":"x"})");
  latest.fold(300, 2, R"({"a":2})");
  latest.fold(200, 3, R"({"a":3,"c":true})");
  latest.fold(300, 4, R"({"b":null})");
  CHECK(json_of(latest) ==
        R"({"a":{"value":2,"ts":300},"b":{"value":null,"ts":300},"c":{"value":true,"ts":200}})");
  CHECK(latest.offset() == 4);
}

TEST_CASE("of equal times the later offset counts, whatever the order of folding") {
  Latest latest;
  latest.fold(100, 8, R"({"a":8})");
  latest.fold(100, 7, R"({"a":7})");
  CHECK(json_of(latest) == R"({"a":{"value":8,"ts":100}})");
}

TEST_CASE("only the chosen names are written") {
  Latest latest;
  latest.fold(1, 1, R"({"a":1,"b":2,"c":3})");
  CHECK(json_of(latest, {"a", "c", "x"}) == R"({"a":{"value":1,"ts":1},"c":{"value":3,"ts":1}})");
}

TEST_CASE("a checkpoint brings everything back") {
  Latest latest;
  latest.fold(-5, 3, R"({"plain":21.50,"text":"a b \n \" , } ]","flag":false,"exp":1e-7})");
  latest.fold(9, 4, "{ \"late\" : \"\\u00e4 \xc3\xa4\" }");
  Latest copy;
  std::string checkpoint;
  latest.write_checkpoint(checkpoint);
  REQUIRE(copy.restore(checkpoint));
  CHECK(json_of(copy) == json_of(latest));
  CHECK(copy.offset() == 4);
}

TEST_CASE("what is no checkpoint leaves nothing behind") {
  Latest latest;
  latest.fold(1, 1, R"({"a":1})");
  for (const char* text : {"", "x\n", "3\n1 1 a", "3\n1 x a 1\n", "3"}) {
    CAPTURE(text);
    CHECK_FALSE(latest.restore(text));
    CHECK(latest.is_empty());
  }
}

TEST_CASE("beyond its bound the metric with the oldest sample gives way") {
  Latest latest;
  for (std::size_t i = 0; i <= Latest::kMaxMetrics; ++i) {
    const auto number = static_cast<std::int64_t>(i);
    latest.fold(number, number + 1, "{\"m" + std::to_string(i) + "\":1}");
  }
  const std::string json = json_of(latest);
  CHECK(json.find("\"m0\"") == std::string::npos);
  CHECK(json.find("\"m1\"") != std::string::npos);
}

TEST_CASE("walking metrics gives each value's own bytes") {
  std::string seen;
  for_each_metric("{ \"a\" : 1.50 ,\n\"b\":\"x\\\"y\",\t\"c\":true}",
                  [&seen](std::string_view name, std::string_view value) {
                    seen.append(name).append("=").append(value).append(";");
                  });
  CHECK(seen == "a=1.50;b=\"x\\\"y\";c=true;");
}

}  // namespace fairlead::telemetry
