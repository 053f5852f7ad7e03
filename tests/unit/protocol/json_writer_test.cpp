#include "protocol/json_writer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "protocol/json_reader.h"

namespace fairlead::protocol {
namespace {

template <typename T>
std::string written(const T& content) {
  std::string out;
  JsonWriter(out).value(content);
  return out;
}

}  // namespace

TEST_CASE("commas and colons stand where they belong") {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("a", 1).member("b", "x").member("c", true).member("d", 2.5);
  json.key("e").begin_array().value("1").value(std::int64_t{2}).begin_object().end_object();
  json.begin_array().end_array().null().end_array();
  json.raw_member("f", R"({"g":[1,2]})").member("h", std::optional<int>());
  json.member("i", std::optional<std::string_view>("j")).end_object();
  CHECK(
      out ==
      R"({"a":1,"b":"x","c":true,"d":2.5,"e":["1",2,{},[],null],"f":{"g":[1,2]},"h":null,"i":"j"})");
}

TEST_CASE("strings are escaped and read back as they were") {
  CHECK(written("") == R"("")");
  CHECK(written("a\"b\\c/d") == R"("a\"b\\c/d")");
  CHECK(written("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(written(std::string_view("\0\x01\x1f\x7f", 4)) == "\"\\u0000\\u0001\\u001f\x7f\"");
  CHECK(written("é水😀") == "\"é水😀\"");
  std::string all;
  for (char c = 0; c < 127; ++c) all += c;
  JsonReader reader;
  REQUIRE(reader.read_copy(written(all)));
  CHECK(reader.document().root().text == all);
}

TEST_CASE("numbers are written in the shortest way that reads back the same") {
  CHECK(written(std::int64_t{0}) == "0");
  CHECK(written(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(written(21.5) == "21.5");
  CHECK(written(100000.0) == "100000");
  CHECK(written(-5e9) == "-5000000000");
  CHECK(written(1e21) == "1e+21");
  CHECK(written(0.1) == "0.1");
  CHECK(written(1e300) == "1e+300");
  CHECK(written(5e-324) == "5e-324");
  CHECK(written(-0.0) == "-0");
  CHECK(written(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(written(std::numeric_limits<double>::infinity()) == "null");
  JsonReader reader;
  for (const double number : {1.0 / 3, 1e21, 123456789.123456789, 2.2250738585072014e-308}) {
    REQUIRE(reader.read_copy(written(number)));
    CHECK(reader.document().root().number == number);
  }
}

}  // namespace fairlead::protocol
