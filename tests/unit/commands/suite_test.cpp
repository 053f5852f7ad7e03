// The official test suite of JSON Schema, as Debian packages it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "commands/schema_check.h"
#include "commands/schema_compiler.h"
#include "support/json.h"

namespace fairlead::commands {
namespace {

using support::Json;

const std::filesystem::path kSuite = "/usr/share/json-schema-test-suite/tests/draft7";

/// `file: group`: their schemas refer to other documents, which are never fetched.
const std::set<std::string> kRemote = {
    "definitions.json: invalid definition",
    "definitions.json: valid definition",
    "ref.json: remote ref, containing refs itself",
};

std::vector<std::filesystem::path> files_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const bool is_remote = entry.path().filename() == "refRemote.json";
    if (entry.path().extension() == ".json" && !is_remote) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Cases of one file that came out as the suite says; the others are failures.
int run_file(const std::filesystem::path& file) {
  int cases = 0;
  // As the file has them: numbers beyond a double too.
  const auto groups = JsonValue::parse(text_of(file));
  REQUIRE(groups.has_value());
  for (const JsonValue& group : groups->items()) {
    const std::string name =
        fmt::format("{}: {}", file.filename().string(), group.member("description")->text());
    if (kRemote.contains(name)) continue;
    CAPTURE(name);
    const auto schema = SchemaCompiler(*group.member("schema")).run();
    REQUIRE_MESSAGE(schema.has_value(), name, schema.error().message);
    for (const JsonValue& test : group.member("tests")->items()) {
      const std::string& what = test.member("description")->text();
      CAPTURE(what);
      const auto result = SchemaCheck("params").run(*schema, *test.member("data"));
      CHECK(result.has_value() == test.member("valid")->boolean());
      ++cases;
    }
  }
  return cases;
}

}  // namespace

TEST_CASE("every draft 7 case that needs no other document comes out as the official suite says") {
  int cases = 0;
  for (const auto& file : files_in(kSuite)) cases += run_file(file);
  CHECK(cases > 400);
}

TEST_CASE("numbers of any size and floats without a fraction are what the suite says") {
  CHECK(run_file(kSuite / "optional/bignum.json") > 0);
  CHECK(run_file(kSuite / "optional/zeroTerminatedFloats.json") > 0);
}

TEST_CASE("format and content say nothing about a value") {
  for (const auto& file : files_in(kSuite / "optional/format")) {
    const Json groups = Json::parse(text_of(file));
    for (const Json& group : groups.items()) {
      const auto schema = Schema::compile(group["schema"].dump());
      REQUIRE(schema.has_value());
      for (const Json& test : group["tests"].items()) {
        const auto value = JsonValue::parse(test["data"].dump());
        CHECK(SchemaCheck("params").run(*schema, *value).has_value());
      }
    }
  }
}

}  // namespace fairlead::commands
