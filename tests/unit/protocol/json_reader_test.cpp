#include "protocol/json_reader.h"

#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/json_writer.h"
#include "protocol/limits.h"

namespace fairlead::protocol {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string nested(std::size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

/// Reads with `behind` in the readable bytes that follow, which must make no difference.
Result<void> read_before(JsonReader& reader, std::string_view json, char behind) {
  std::string buffer(json);
  buffer.append(64, behind);
  auto read = reader.read(std::string_view(buffer).substr(0, json.size()));
  if (!read) CHECK(reader.document().is_empty());
  return read;
}

bool accepts(std::string_view json) {
  JsonReader reader;
  const bool copied = reader.read_copy(json).has_value();
  for (const char behind : {'\0', ' ', '}', ']', '"', '1', ',', 'e', '\xC3'}) {
    CHECK_MESSAGE(read_before(reader, json, behind).has_value() == copied, json, " before ",
                  behind);
  }
  return copied;
}

}  // namespace

TEST_CASE("the reader takes every valid JSON text") {
  for (const auto json :
       {"{}"sv,
        "[]"sv,
        " \t\r\n{ } \n"sv,
        "[[]]"sv,
        "[{},[],{}]"sv,
        "0"sv,
        " -0 "sv,
        "\"\""sv,
        "true"sv,
        "null"sv,
        " false\n"sv,
        R"({"a":1})"sv,
        R"({"":0})"sv,
        R"({"a":{"b":[1,2,{"c":null}]},"d":"e"})"sv,
        "[1e5,1E5,1e+5,1e-5,1.5e05]"sv,
        "[-0,-0.0,0.1,123456789012345678901234567890]"sv,
        "[1e308,5e-324,1e-999,0e999]"sv,
        "[-9223372036854775808,9223372036854775807,18446744073709551615]"sv,
        R"(["\"\\\/\b\f\n\r\t","\u0000","\u00e9","\uD83D\uDE00","\ud7ff\ue000"])"sv,
        "[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\x7F\"]"sv,
        "[\"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\"]"sv,
        R"([{"a":1},{"a":1}])"sv,
        R"({"a":{"a":{"a":1}}})"sv,
        "[true,false,null]"sv,
        R"({"\ud83d\ude00":1,"\ud83d\ude01":2})"sv,
        "[\"\xED\x9F\xBF\",\"\\n\"]"sv}) {
    CHECK_MESSAGE(accepts(json), json);
  }
}

TEST_CASE("the reader refuses what is not closed, doubled or left over") {
  for (const auto json : {""sv,
                          " "sv,
                          "{"sv,
                          "["sv,
                          "}"sv,
                          "]"sv,
                          "[}"sv,
                          "{]"sv,
                          "[1"sv,
                          "[1,"sv,
                          R"({"a")"sv,
                          R"({"a":)"sv,
                          R"({"a":1)"sv,
                          R"({"a":{})"sv,
                          R"({"a":{"b":{})"sv,
                          R"({"a":{"b":{"c":{}})"sv,
                          R"({"a":{"b":{"c":{"d":1)"sv,
                          R"([[[[[1)"sv,
                          R"([{"a":[{"b":"c")"sv,
                          R"({"a":{"b":{"c":"}")"sv,
                          R"({"a":[1})"sv,
                          R"({"a":[])"sv,
                          "[[]"sv,
                          "[[[[]"sv,
                          "[{}"sv,
                          "[{]"sv,
                          R"([{"a":1])"sv,
                          "[1]]"sv,
                          "{}}"sv,
                          "{}{}"sv,
                          "{} {}"sv,
                          "{} x"sv,
                          "{},"sv,
                          "[],"sv,
                          "[][]"sv,
                          "[1],[2]"sv,
                          "1 2"sv,
                          "1,2"sv,
                          "1],[2"sv,
                          "1]"sv,
                          "\"a\" \"b\""sv,
                          "{}1"sv,
                          "{}\""sv,
                          "{}\0"sv,
                          R"({"a":1}garbage)"sv,
                          "{}//c"sv,
                          "[1]#"sv,
                          R"({"a":1} })"sv}) {
    CHECK_MESSAGE(!accepts(json), json);
  }
}

TEST_CASE("the reader refuses commas and colons out of place") {
  for (const auto json : {"[1,]"sv,
                          "[,1]"sv,
                          "[,]"sv,
                          "[1,,2]"sv,
                          "[1 2]"sv,
                          "[1:2]"sv,
                          "[\"a\" 1]"sv,
                          "[[]1]"sv,
                          R"({"a":1,})"sv,
                          R"({,})"sv,
                          R"({,"a":1})"sv,
                          R"({"a":1,,"b":2})"sv,
                          R"({"a":1 "b":2})"sv,
                          R"({"a" 1})"sv,
                          R"({"a",1})"sv,
                          R"({"a"})"sv,
                          R"({"a"::1})"sv,
                          R"({"a":})"sv,
                          R"({:1})"sv,
                          R"({1:1})"sv,
                          R"({a:1})"sv,
                          R"({'a':1})"sv,
                          R"({null:1})"sv,
                          R"({[]:1})"sv,
                          R"({"a":1;"b":2})"sv,
                          "[\"a\",\n\"b\",]"sv,
                          R"({"a":"b":1})"sv,
                          R"({"a"1:2})"sv,
                          R"({"a":1"b":2})"sv,
                          ","sv,
                          ":"sv,
                          "[:]"sv}) {
    CHECK_MESSAGE(!accepts(json), json);
  }
}

TEST_CASE("the reader refuses malformed numbers") {
  for (const auto number : {"-"sv,
                            "+1"sv,
                            "01"sv,
                            "-01"sv,
                            "00"sv,
                            "1."sv,
                            ".1"sv,
                            "-.1"sv,
                            "1.e5"sv,
                            "1e"sv,
                            "1e+"sv,
                            "1e-"sv,
                            "1E"sv,
                            "1e5.5"sv,
                            "1.2.3"sv,
                            "0x10"sv,
                            "1_000"sv,
                            "1a"sv,
                            "-a"sv,
                            "--1"sv,
                            "1-"sv,
                            "NaN"sv,
                            "Infinity"sv,
                            "-Infinity"sv,
                            "inf"sv,
                            "1e999"sv,
                            "-1e999"sv,
                            "1e309"sv,
                            "2e308"sv,
                            "0e"sv,
                            "0.e1"sv,
                            "0e+-1"sv,
                            "- 1"sv,
                            "1 .5"sv,
                            "1\0"sv,
                            "\xEF\xBC\x91"sv,
                            "1e99999999999999999999"sv,
                            "١"sv}) {
    CHECK_MESSAGE(!accepts("["s + std::string(number) + "]"), number);
    CHECK_MESSAGE(!accepts(R"({"a":)"s + std::string(number) + "}"), number);
    CHECK_MESSAGE(!accepts(number), number);
  }
}

TEST_CASE("the reader refuses words that are almost true, false or null") {
  for (const auto word :
       {"nul"sv,   "nulll"sv,    "nullx"sv, "Null"sv,       "NULL"sv,     "n"sv,     "tru"sv,
        "truee"sv, "True"sv,     "t"sv,     "fals"sv,       "falsee"sv,   "falsy"sv, "undefined"sv,
        "true1"sv, "null\0"sv,   "'a'"sv,   "tru\\u0065"sv, "true\"\""sv, "nan"sv,   "\f"sv,
        "\v"sv,    "\xC2\xA0"sv, "*"sv,     "/**/1"sv}) {
    CHECK_MESSAGE(!accepts("["s + std::string(word) + "]"), word);
    CHECK_MESSAGE(!accepts(R"({"a":)"s + std::string(word) + "}"), word);
    CHECK_MESSAGE(!accepts(word), word);
  }
  CHECK_FALSE(accepts("{\f}"));
  CHECK_FALSE(accepts("\v{}"));
  CHECK_FALSE(accepts("{}\xC2\xA0"));
}

TEST_CASE("the reader refuses bad strings") {
  for (const auto text : {R"(")"sv,
                          R"("a)"sv,
                          R"("\")"sv,
                          R"("\a")"sv,
                          R"("\x41")"sv,
                          R"("\u")"sv,
                          R"("\u12")"sv,
                          R"("\u123g")"sv,
                          R"("\U0041")"sv,
                          R"("\'")"sv,
                          R"("\ud800")"sv,
                          R"("\ud800x")"sv,
                          R"("\ud800\n")"sv,
                          R"("\ud800\u0041")"sv,
                          R"("\ud800\ud800")"sv,
                          R"("\udc00")"sv,
                          R"("\udfff")"sv,
                          R"("x\udc00y")"sv,
                          R"("\udc00\ud800")"sv,
                          R"("\ud83d\ude00\ude00")"sv,
                          R"("\uDFff")"sv,
                          R"("\ud800\u")"sv,
                          R"("\ud800\udc0")"sv,
                          "\"\n\""sv,
                          "\"\t\""sv,
                          "\"\0\""sv,
                          "\"\x1F\""sv,
                          "\"\x80\""sv,
                          "\"\xC3\""sv,
                          "\"\xC0\x80\""sv,
                          "\"\xE0\x80\x80\""sv,
                          "\"\xED\xA0\x80\""sv,
                          "\"\xED\xB0\x80\""sv,
                          "\"\xF4\x90\x80\x80\""sv,
                          "\"\xF8\x88\x80\x80\x80\""sv,
                          "\"\xFF\""sv,
                          "\"\xE2\x82\""sv,
                          "\"a\"\"b\""sv,
                          "\"a\"b"sv,
                          "\"\\\xC3\xA9\""sv}) {
    CHECK_MESSAGE(!accepts("["s + std::string(text) + "]"), text);
    CHECK_MESSAGE(!accepts("{"s + std::string(text) + ":1}"), text);
    CHECK_MESSAGE(!accepts(R"({"a":)"s + std::string(text) + "}"), text);
    CHECK_MESSAGE(!accepts(text), text);
  }
}

TEST_CASE("the reader refuses a byte order mark and other encodings") {
  CHECK_FALSE(accepts("\xEF\xBB\xBF{}"));
  CHECK_FALSE(accepts("\xFE\xFF\0{\0}"sv));
  CHECK_FALSE(accepts("{\0}\0"sv));
  CHECK_FALSE(accepts("{}\xEF\xBB\xBF"));
}

TEST_CASE("the reader refuses a doubled member in any object, however it is written") {
  for (const auto json :
       {R"({"a":1,"a":1})"sv, R"({"a":1,"b":2,"a":3})"sv, R"({"a":1,"\u0061":2})"sv,
        R"({"":1,"":2})"sv, R"([{"x":{"a":1,"a":2}}])"sv, R"({"a/b":1,"a\/b":2})"sv,
        R"({"é":1,"\u00e9":2})"sv, R"({"\ud83d\ude00":1,"😀":2})"sv,
        R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"\u0063":1})"sv}) {
    CHECK_MESSAGE(!accepts(json), json);
  }
  std::string many = "{";
  for (int i = 0; i < 3000; ++i) many += fmt::format(R"("member{}":{},)", i, i);
  CHECK(accepts(many + R"("last":0})"));
  CHECK_FALSE(accepts(many + R"("member1234":0})"));
}

TEST_CASE("the reader goes 64 deep and no deeper") {
  CHECK(accepts(nested(kMaxDepth, '[', ']')));
  CHECK_FALSE(accepts(nested(kMaxDepth + 1, '[', ']')));
  CHECK_FALSE(accepts(nested(100'000, '[', ']')));
  CHECK_FALSE(accepts(std::string(100'000, '[')));
  std::string objects = "1";
  for (std::size_t i = 0; i < kMaxDepth; ++i) objects = R"({"a":)" + objects + "}";
  CHECK(accepts(objects));
  CHECK_FALSE(accepts(R"({"a":)" + objects + "}"));
}

TEST_CASE("every prefix and every single changed byte of a message is read without harm") {
  const std::string message =
      R"({"type":"telemetry","id":"7","seq":42,"m":{"t":21.5,"x":[true,null,"\u00e9\n"]},"o":{}})";
  JsonReader reader;
  for (std::size_t length = 0; length < message.size(); ++length) {
    CHECK_FALSE(read_before(reader, message.substr(0, length), '}'));
  }
  for (std::size_t at = 0; at < message.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = message;
      changed[at] = static_cast<char>(byte);
      const bool taken = read_before(reader, changed, '}').has_value();
      CHECK(taken == read_before(reader, changed, '\0').has_value());
    }
  }
  CHECK(reader.read_copy(message));
}

TEST_CASE("a document keeps kinds, names, values and the source of containers") {
  JsonReader reader;
  REQUIRE(reader.read_copy(R"( {"a" : [ 1 , "x\u0041" ] ,"n":-1.50,"t":true,"o":{ },"z":null} )"));
  const Document& document = reader.document();
  const Node& root = document.root();
  CHECK(root.kind == NodeKind::kObject);
  CHECK(root.children == 5);
  CHECK(root.text == R"({"a" : [ 1 , "x\u0041" ] ,"n":-1.50,"t":true,"o":{ },"z":null})");
  CHECK(document.find(root, "a")->text == R"([ 1 , "x\u0041" ])");
  CHECK(document.find(root, "n")->text == "-1.50");
  CHECK(document.find(root, "n")->number == -1.5);
  CHECK(document.find(root, "t")->boolean);
  CHECK(document.find(root, "o")->text == "{ }");
  CHECK(document.find(root, "o")->children == 0);
  CHECK(document.find(root, "z")->kind == NodeKind::kNull);
  CHECK(document.find(root, "x") == nullptr);
  std::string seen;
  for (const Node& element : document.children(*document.find(root, "a"))) seen += element.text;
  CHECK(seen == "1xA");
}

TEST_CASE("a number is an integer when it has no fraction, however it is written") {
  JsonReader reader;
  const auto integer_of = [&](std::string_view text) -> std::optional<std::int64_t> {
    REQUIRE(reader.read_copy(text));
    const Node& node = reader.document().root();
    return node.is_integer ? std::optional(node.integer) : std::nullopt;
  };
  CHECK(integer_of("5") == 5);
  CHECK(integer_of("5.0") == 5);
  CHECK(integer_of("5e0") == 5);
  CHECK(integer_of("50E-1") == 5);
  CHECK(integer_of("-0") == 0);
  CHECK(integer_of("-0.0") == 0);
  CHECK(integer_of("9007199254740993") == 9007199254740993);
  CHECK(integer_of("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(integer_of("5.5") == std::nullopt);
  CHECK(integer_of("9223372036854775808") == std::nullopt);
  CHECK(integer_of("1e300") == std::nullopt);
  CHECK(integer_of("1e-999") == 0);
  CHECK(reader.read_copy("123456789012345678901234567890"));
  CHECK(reader.document().root().number == 123456789012345678901234567890.0);
}

TEST_CASE("more values than any message may have are too large") {
  JsonReader reader;
  std::string json = "[0";
  for (std::size_t i = 0; i < kMaxValues; ++i) json += ",0";
  json += "]";
  const auto read = reader.read_copy(json);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Code::kTooLarge);
  CHECK(read.error().limit == static_cast<std::int64_t>(kMaxValues));
  CHECK(reader.read_copy("[1]"));
}

TEST_CASE("an error says what is wrong") {
  JsonReader reader;
  const auto why = [&](std::string_view json) { return reader.read_copy(json).error().message; };
  CHECK(why("[1e999]") == "not valid JSON: 1e999 is not a number or out of range");
  CHECK(why(R"({"a":1,"a":2})") == R"(not valid JSON: the member "a" is doubled)");
  // What is shown of it ends between two characters, wherever it is cut.
  for (std::size_t ascii = 0; ascii < 4; ++ascii) {
    std::string key(ascii, 'a');
    for (int i = 0; i < 40; ++i) key += "\xF0\x9F\x8C\xA1";
    const std::string doubled = why(fmt::format(R"({{"{0}":1,"{0}":2}})", key));
    const std::string number = why(fmt::format(R"({{"a":1{}}})", key));
    CAPTURE(ascii);
    for (const std::string& message : {doubled, number}) {
      JsonReader checking;
      std::string json;
      JsonWriter(json).begin_object().member("message", message).end_object();
      CHECK(checking.read_copy(json).has_value());
    }
  }
  CHECK(why("{}x") == "not valid JSON: its end is missing or in excess");
  CHECK(why("{}{}") == "not valid JSON: its end is missing or in excess");
  CHECK(why("[1") == "not valid JSON: its end is missing or in excess");
  CHECK(why("\"\xFF\"") == "not valid JSON: not UTF-8");
  CHECK(why("[\"\\udc00\"]") == "not valid JSON: a bad escape or a lone surrogate in a string");
  CHECK(why("") == "not valid JSON: it is empty");
}

}  // namespace fairlead::protocol
