#include "protocol/cbor.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/limits.h"
#include "protocol/parse.h"

namespace fairlead::protocol {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string from_hex(std::string_view hex) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(value(hex[i]) * 16 + value(hex[i + 1]));
  }
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

/// nullopt when it is refused.
std::optional<std::string> to_json(std::string_view hex) {
  std::string json;
  const auto done = cbor_to_json(from_hex(hex), json);
  if (!done) CHECK(done.error().code == Code::kBadMessage);
  return done ? std::optional(json) : std::nullopt;
}

std::string why(std::string_view hex) {
  std::string json;
  const auto done = cbor_to_json(from_hex(hex), json);
  return done ? "" : done.error().message;
}

std::string to_cbor(std::string_view json) {
  std::string out;
  CborEncoder().encode(json, out);
  return to_hex(out);
}

struct Vector {
  std::string_view hex;
  std::string_view json;
  /// Whether the hex is what the encoder makes of the JSON.
  bool is_canonical = true;
};

// RFC 8949, appendix A: those that JSON can express.
constexpr Vector kVectors[] = {
    {"00", "0"},
    {"01", "1"},
    {"0a", "10"},
    {"17", "23"},
    {"1818", "24"},
    {"1819", "25"},
    {"1864", "100"},
    {"1903e8", "1000"},
    {"1a000f4240", "1000000"},
    {"1b000000e8d4a51000", "1000000000000"},
    {"1bffffffffffffffff", "18446744073709551615"},
    {"3bffffffffffffffff", "-18446744073709551616"},
    {"20", "-1"},
    {"29", "-10"},
    {"3863", "-100"},
    {"3903e7", "-1000"},
    {"f90000", "0.0"},
    {"f98000", "-0.0"},
    {"f93c00", "1.0"},
    {"fb3ff199999999999a", "1.1"},
    {"f93e00", "1.5"},
    {"f97bff", "65504.0"},
    {"fa47c35000", "100000.0"},
    {"fa7f7fffff", "3.4028234663852886e+38"},
    {"fb7e37e43c8800759c", "1e+300"},
    {"f90001", "5.960464477539063e-08"},
    {"f90400", "6.103515625e-05"},
    {"f9c400", "-4.0"},
    {"fbc010666666666666", "-4.1"},
    {"f4", "false"},
    {"f5", "true"},
    {"f6", "null"},
    {"60", R"("")"},
    {"6161", R"("a")"},
    {"6449455446", R"("IETF")"},
    {"62225c", R"("\"\\")"},
    {"62c3bc", R"("ü")"},
    {"63e6b0b4", R"("水")"},
    {"64f0908591", R"("𐅑")"},
    {"80", "[]"},
    {"83010203", "[1,2,3]"},
    {"8301820203820405", "[1,[2,3],[4,5]]"},
    {"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
     "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]"},
    {"a0", "{}"},
    {"a26161016162820203", R"({"a":1,"b":[2,3]})"},
    {"826161a161626163", R"(["a",{"b":"c"}])"},
    {"a56161614161626142616361436164614461656145", R"({"a":"A","b":"B","c":"C","d":"D","e":"E"})"},
    {"7f657374726561646d696e67ff", R"("streaming")", false},
    {"9fff", "[]", false},
    {"9f018202039f0405ffff", "[1,[2,3],[4,5]]", false},
    {"9f01820203820405ff", "[1,[2,3],[4,5]]", false},
    {"83018202039f0405ff", "[1,[2,3],[4,5]]", false},
    {"83019f0203ff820405", "[1,[2,3],[4,5]]", false},
    {"bf61610161629f0203ffff", R"({"a":1,"b":[2,3]})", false},
    {"826161bf61626163ff", R"(["a",{"b":"c"}])", false},
    {"bf6346756ef563416d7421ff", R"({"Fun":true,"Amt":-2})", false},
};

// The same appendix: what JSON has not.
constexpr std::string_view kForeign[] = {
    "c249010000000000000000",  // bignums
    "c349010000000000000000",
    "f97c00",  // infinities and NaN, in all widths
    "f97e00",
    "f9fc00",
    "fa7f800000",
    "fa7fc00000",
    "faff800000",
    "fb7ff0000000000000",
    "fb7ff8000000000000",
    "fbfff0000000000000",
    "f7",  // undefined and other simple values
    "f0",
    "f8ff",
    "c074323031332d30332d32315432303a30343a30305a",  // tags
    "c11a514b67b0",
    "c1fb41d452d9e8800000",
    "d74401020304",
    "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    "40",  // byte strings
    "4401020304",
    "5f42010243030405ff",
    "a201020304",  // names that are no text
};

}  // namespace

TEST_CASE("the vectors of RFC 8949 become the JSON they stand for") {
  for (const Vector& vector : kVectors) {
    CHECK_MESSAGE(to_json(vector.hex) == vector.json, vector.hex);
  }
  for (const std::string_view hex : kForeign) CHECK_MESSAGE(to_json(hex) == std::nullopt, hex);
}

TEST_CASE("JSON becomes the deterministic encoding") {
  for (const Vector& vector : kVectors) {
    if (vector.is_canonical) CHECK_MESSAGE(to_cbor(vector.json) == vector.hex, vector.json);
  }
  CHECK(to_cbor("5e0") == "f94500");
  CHECK(to_cbor("-0") == "f98000");
  CHECK(to_cbor("18446744073709551616") == "fa5f800000");
  CHECK(to_cbor("-18446744073709551617") == "fadf800000");
  CHECK(to_cbor("5e-324") == "fb0000000000000001");
  CHECK(to_cbor("65520.0") == "fa477ff000");
  CHECK(to_cbor("2.98023223876953125e-8") == "fa33000000");
  CHECK(to_cbor("8.940696716308594e-8") == "fa33c00000");
  CHECK(to_cbor("1.1920928955078125e-7") == "f90002");
  CHECK(to_cbor("1.401298464324817e-45") == "fa00000001");
}

TEST_CASE("names are sorted by their encoded bytes") {
  CHECK(to_cbor(R"({"bb":1,"a":2,"c":{"z":1,"y":2},"aa":3})") ==
        "a46161026163a2617902617a0162616103626262"
        "01");
  std::string json = "{";
  for (int i = 300; i > 0; --i) json += fmt::format("{}\"m{}\":{}", i == 300 ? "" : ",", i, i);
  const std::string cbor = from_hex(to_cbor(json + "}"));
  std::string back;
  REQUIRE(cbor_to_json(cbor, back));
  CHECK(back.starts_with(R"({"m1":1,"m2":2,)"));
  CHECK(back.ends_with(R"("m299":299,"m300":300})"));
}

TEST_CASE("the tag that only says CBOR is stripped, any other is refused") {
  CHECK(to_json("d9d9f7a0") == "{}");
  CHECK(to_json("d9d9f7d9d9f701") == "1");
  CHECK(to_json("a16161d9d9f701") == R"({"a":1})");
  CHECK(to_json("d9d9f8a0") == std::nullopt);
  CHECK(to_json("dbffffffffffffffff00") == std::nullopt);
  CHECK(to_json("df00") == std::nullopt);
  CHECK(to_json("d9d9f7") == std::nullopt);
  CHECK(to_json("a1d9d9f7616101") == std::nullopt);
}

TEST_CASE("CBOR that is cut off, left over or promises too much is refused") {
  CHECK(why("") == "not valid CBOR: it ends too early");
  CHECK(why("0000") == "not valid CBOR: something follows its end");
  CHECK(why("9b7fffffffffffffff") == "not valid CBOR: it promises more than it has");
  CHECK(why("bb7fffffffffffffff") == "not valid CBOR: it promises more than it has");
  CHECK(why("bbffffffffffffffff0000") == "not valid CBOR: it promises more than it has");
  CHECK(why("7bffffffffffffffff61") == "not valid CBOR: it ends too early");
  for (const auto hex :
       {"18",     "19ff",     "1a000000", "1b00000000000000", "61", "62c3",     "81",
        "8201",   "a1",       "a161",     "a16161",           "9f", "9f01",     "bf",
        "bf6161", "bf616101", "7f",       "7f6161",           "f9", "fa000000", "fb00000000000000",
        "c0",     "f8",       "83010"}) {
    CHECK_MESSAGE(to_json(hex) == std::nullopt, hex);
  }
}

TEST_CASE("malformed heads are refused") {
  for (const auto hex :
       {"1c",   "1d",       "1e",       "1f",     "3c",           "3f",     "7c",       "9c",
        "bd",   "dc",       "fc",       "fd",     "fe",           "ff",     "81ff",     "8201ff",
        "a1ff", "a16161ff", "bf6161ff", "9fffff", "7f7f6161ffff", "7f01ff", "7f4161ff", "7f61ff",
        "bf01", "f800",     "f818",     "f814",   "e0",           "f3"}) {
    CHECK_MESSAGE(to_json(hex) == std::nullopt, hex);
  }
}

TEST_CASE("text must be UTF-8, chunk by chunk") {
  CHECK(why("61ff") == "not valid CBOR: not UTF-8");
  CHECK(to_json("62c328") == std::nullopt);
  CHECK(to_json("63eda080") == std::nullopt);
  CHECK(to_json("a161ff01") == std::nullopt);
  CHECK(to_json("7f61c361bcff") == std::nullopt);
  CHECK(to_json("7f62c3bc60ff") == R"("ü")");
  CHECK(to_json("6400010a1f") == R"("\u0000\u0001\n\u001f")");
}

TEST_CASE("a doubled name is refused at any depth, however it is written") {
  CHECK(why("a2616101616102") == "not valid CBOR: a name is doubled");
  CHECK(to_json("81a16178a2616101616102") == std::nullopt);
  CHECK(to_json("a26161017f6161ff02") == std::nullopt);
  CHECK(to_json("bf616101616102ff") == std::nullopt);
  CHECK(to_json("a2616101616202") == R"({"a":1,"b":2})");
  CHECK(to_json("a26161a16161016162a1616101") == R"({"a":{"a":1},"b":{"a":1}})");
  std::string many = "bf";
  for (int i = 0; i < 26; ++i) many += fmt::format("61{:02x}00", 'a' + i);
  CHECK(to_json(many + "ff"));
  CHECK_FALSE(to_json(many + "617100ff"));
}

TEST_CASE("CBOR goes 64 deep and no deeper") {
  std::string hex;
  for (std::size_t i = 1; i < kMaxDepth; ++i) hex += "81";
  CHECK(to_json(hex + "80"));
  CHECK_FALSE(to_json(hex + "8180"));
  CHECK_FALSE(to_json(hex + "9fff81"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "9f";
  CHECK_FALSE(to_json(deep));
}

TEST_CASE("every prefix and every changed byte of a message is read without harm") {
  const std::string message = from_hex(to_cbor(
      R"({"type":"telemetry","id":7,"seq":42,"metrics":{"t":21.5,"x":true,"s":"é"},"o":[null]})"));
  std::string json;
  for (std::size_t length = 0; length < message.size(); ++length) {
    CHECK_FALSE(cbor_to_json(std::string_view(message).substr(0, length), json));
  }
  for (std::size_t at = 0; at < message.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = message;
      changed[at] = static_cast<char>(byte);
      json.clear();
      if (!cbor_to_json(changed, json)) continue;
      JsonReader reader;
      CHECK(reader.read_copy(json));
    }
  }
}

TEST_CASE("a message of the hub may wrap what it was sent in a few levels more") {
  std::string deep = "1";
  for (std::size_t i = 0; i < kMaxDepth + 4; ++i) deep = "[" + deep + "]";
  CHECK(to_cbor(deep).size() == 2 * (kMaxDepth + 5));
}

TEST_CASE("a request in CBOR obeys the rules of JSON") {
  Parser parser;
  const auto parse = [&](std::string_view json) {
    return parser.parse(Codec::kCbor, from_hex(to_cbor(json)));
  };
  auto parsed = parse(R"({"type":"telemetry","id":7,"seq":5.0,"metrics":{"t":21.5,"on":true}})");
  REQUIRE(parsed);
  CHECK(parsed->id.json == "7");
  const auto& telemetry = std::get<Telemetry>(parsed->request);
  CHECK(telemetry.samples[0].seq == 5);
  CHECK(telemetry.samples[0].metrics_json == R"({"t":21.5,"on":true})");
  CHECK(parse(R"({"type":"telemetry","id":7,"metrics":{}})").error().error.message ==
        "metrics: must have 1 to 256 members, not 0");
  CHECK(parse("[]").error().error.code == Code::kBadMessage);
  CHECK(parser.parse(Codec::kCbor, "").error().error.message ==
        "not valid CBOR: it ends too early");
}

}  // namespace fairlead::protocol
