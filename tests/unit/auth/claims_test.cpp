#include "auth/claims.h"

#include <doctest/doctest.h>

#include <string>

#include "auth/verifier.h"
#include "signing.h"

using namespace fairlead;
using namespace fairlead::auth;
using namespace fairlead::auth::testing;

namespace {

Result<Principal> read(std::string_view claims, const TokenPolicy& policy = {.require_exp = false},
                       std::int64_t now_ms = kNow) {
  const HandClock clock(now_ms);
  Verifier verifier(key_set(hs256_key()), policy, clock);
  return verifier.verify(hs256_token(claims));
}

std::string refusal(std::string_view claims, const TokenPolicy& policy = {.require_exp = false}) {
  const auto principal = read(claims, policy);
  return principal ? "accepted" : principal.error().message;
}

/// At that moment, with a token whose only other claim is `sub`.
std::string at(std::int64_t now_ms, std::string_view claim,
               const TokenPolicy& policy = {.require_exp = false}) {
  const auto principal = read(R"({"sub":"a",)" + std::string(claim) + "}", policy, now_ms);
  return principal ? "accepted" : principal.error().message;
}

}  // namespace

TEST_CASE(
    "claims that are missing mean a client of the default tenant with no scope and all devices") {
  const auto principal = read(R"({"sub":"app"})");
  REQUIRE(principal);
  CHECK(
      *principal ==
      Principal{.kind = Kind::kClient, .tenant = "default", .subject = "app", .all_devices = true});
}

TEST_CASE("every claim finds its place") {
  const auto principal = read(
      R"({"sub":"app","exp":1764000060,"kind":"client","tenant":"acme","iat":1763999999.5,"nbf":1,)"
      R"("scope":"telemetry:read nonsense command:send","devices":["a","b-*","*"],"jti":"j"})");
  REQUIRE(principal);
  CHECK(*principal == Principal{.kind = Kind::kClient,
                                .tenant = "acme",
                                .subject = "app",
                                .scopes = {Scope::kTelemetryRead, Scope::kCommandSend},
                                .devices = std::vector<std::string>{"a", "b-*", "*"},
                                .expires_at_ms = 1764000060000,
                                .issued_at_ms = 1763999999500,
                                .jti = "j"});
}

TEST_CASE("a device has no scopes and no list, whatever its token says") {
  const auto principal =
      read(R"({"sub":"boiler-7","kind":"device","scope":"admin","devices":["*"]})");
  REQUIRE(principal);
  CHECK(*principal == Principal{.kind = Kind::kDevice, .tenant = "default", .subject = "boiler-7"});
}

TEST_CASE("kind is device or client and nothing else") {
  for (const char* kind : {R"("Device")", R"("admin")", R"("")"}) {
    CHECK(refusal(R"({"sub":"a","kind":)" + std::string(kind) + "}") ==
          "claim kind: neither device nor client");
  }
  for (const char* kind : {"null", "1", R"(["device"])"}) {
    CHECK(refusal(R"({"sub":"a","kind":)" + std::string(kind) + "}") == "claim kind: not a string");
  }
}

TEST_CASE("the subject of a device is an id") {
  for (const std::string& sub : {std::string(), std::string("a b"), std::string("a*"),
                                 std::string(129, 'a'), std::string("a\\u0000")}) {
    CHECK(refusal(R"({"kind":"device","sub":")" + sub + R"("})") ==
          "claim sub: not an id of a device");
  }
  CHECK(refusal(R"({"kind":"device","sub":")" + std::string(128, 'a') + R"("})") == "accepted");
}

TEST_CASE("the subject of a client is 1 to 256 bytes of printable UTF-8") {
  CHECK(refusal(R"({"sub":"Zo\u00eb \ud83d\ude00 <a@b>"})") == "accepted");
  CHECK(refusal(R"({"sub":")" + std::string(256, 'a') + R"("})") == "accepted");
  for (const std::string& sub :
       {std::string(), std::string(257, 'a'), std::string("a\\n"), std::string("\\u0000"),
        std::string("\\u007f"), std::string("\\u0085"), std::string("\\udc00")}) {
    CAPTURE(std::string(sub));
    CHECK(refusal(R"({"sub":")" + sub + R"("})") != "accepted");
  }
  CHECK(refusal("{}") == "claim sub: missing");
  CHECK(refusal(R"({"sub":7})") == "claim sub: not a string");
}

TEST_CASE("a tenant is 1 to 64 characters of the alphabet of ids") {
  CHECK(refusal(R"({"sub":"a","tenant":")" + std::string(64, 't') + R"("})") == "accepted");
  for (const std::string& tenant : {std::string(), std::string(65, 't'), std::string("a b")}) {
    CHECK(refusal(R"({"sub":"a","tenant":")" + tenant + R"("})") ==
          "claim tenant: not a name of a tenant");
  }
}

TEST_CASE("scope and devices have their types, and entries are ids or prefixes") {
  CHECK(refusal(R"({"sub":"a","scope":["admin"]})") == "claim scope: not a string");
  CHECK(refusal(R"({"sub":"a","devices":"*"})") == "claim devices: not an array");
  CHECK(refusal(R"({"sub":"a","devices":null})") == "claim devices: not an array");
  for (const char* entry : {"7", R"("")", R"("a*b")", R"("**")", R"("a b")", "null"}) {
    CHECK(refusal(R"({"sub":"a","devices":["ok",)" + std::string(entry) + "]}") ==
          "claim devices: an entry is neither an id nor a prefix");
  }
  const auto none = read(R"({"sub":"a","devices":[]})");
  REQUIRE(none);
  CHECK_FALSE(none->all_devices);
}

TEST_CASE("devices has at most 1000 entries") {
  std::string entries = R"("a")";
  for (int i = 1; i < 1000; ++i) entries += R"(,"a")";
  CHECK(refusal(R"({"sub":"a","devices":[)" + entries + "]}") == "accepted");
  CHECK(refusal(R"({"sub":"a","devices":[)" + entries + R"(,"a"]})") ==
        "claim devices: over 1000 entries");
}

TEST_CASE("a jti that no revocation could name is refused") {
  for (const std::string& jti : {std::string("7"), std::string("\"\""), std::string("\"a\\n\""),
                                 '"' + std::string(257, 'j') + '"'}) {
    CHECK(refusal(R"({"sub":"a","jti":)" + jti + "}") != "accepted");
  }
}

TEST_CASE("a token expires at exp to the millisecond, without leeway") {
  CHECK(at(999, R"("exp":1)") == "accepted");
  CHECK(at(1000, R"("exp":1)") == "token expired");
  CHECK(at(1499, R"("exp":1.5)") == "accepted");
  CHECK(at(1500, R"("exp":1.5)") == "token expired");
  CHECK(at(kNow + 122, R"("exp":1764000000.123)") == "accepted");
  CHECK(at(kNow + 123, R"("exp":1764000000.123)") == "token expired");
  CHECK(at(999, R"("exp":1e0)") == "accepted");
}

TEST_CASE("an exp of zero is in the past, not never") {
  CHECK(at(-5, R"("exp":0)") == "token expired");
  CHECK(at(0, R"("exp":0.0001)") == "token expired");
  CHECK(at(0, R"("exp":-0.0)") == "token expired");
}

TEST_CASE("nbf and iat have the leeway, to the millisecond") {
  const TokenPolicy policy{.require_exp = false, .leeway_s = 60};
  CHECK(at(39'999, R"("nbf":100)", policy) == "token not valid yet");
  CHECK(at(40'000, R"("nbf":100)", policy) == "accepted");
  CHECK(at(39'999, R"("iat":100)", policy) == "token issued in the future");
  CHECK(at(40'000, R"("iat":100)", policy) == "accepted");
  CHECK(at(99'999, R"("nbf":100)", {.require_exp = false, .leeway_s = 0}) == "token not valid yet");
}

TEST_CASE("a token without exp is refused unless the operator allows it") {
  CHECK(refusal(R"({"sub":"a"})", {}) == "claim exp: missing");
  const auto principal = read(R"({"sub":"a"})");
  REQUIRE(principal);
  CHECK(principal->expires_at_ms == 0);
}

TEST_CASE("dates out of range, and what is no number, are refused") {
  for (const char* name : {"exp", "nbf", "iat"}) {
    for (const char* value : {"-1", "-0.5", "253402300800", "1e300", "18446744073709551615",
                              "9223372036854775807", "1764000000000"}) {
      CAPTURE(std::string(value));
      CHECK(refusal(R"({"sub":"a",")" + std::string(name) + R"(":)" + value + "}") ==
            "claim " + std::string(name) + ": out of range");
    }
    for (const char* value : {R"("1764000060")", "null", "true", "[1764000060]"}) {
      CHECK(refusal(R"({"sub":"a",")" + std::string(name) + R"(":)" + value + "}") ==
            "claim " + std::string(name) + ": not a number");
    }
  }
  CHECK(refusal(R"({"sub":"a","exp":1e999})") != "accepted");
  CHECK(refusal(R"({"sub":"a","exp":253402300799})") == "accepted");
}

TEST_CASE("iss is checked where it is configured") {
  const TokenPolicy policy{.require_exp = false, .issuer = {"https://one", "https://two"}};
  CHECK(refusal(R"({"sub":"a","iss":"https://two"})", policy) == "accepted");
  for (const char* claims : {R"({"sub":"a"})", R"({"sub":"a","iss":"https://two/"})",
                             R"({"sub":"a","iss":["https://two"]})", R"({"sub":"a","iss":null})"}) {
    CHECK(refusal(claims, policy) == "token from another issuer");
  }
  CHECK(refusal(R"({"sub":"a","iss":"https://three"})") == "accepted");
}

TEST_CASE("aud is checked where it is configured, as a string or in an array") {
  const TokenPolicy policy{.require_exp = false, .audience = {"hub", "fairlead"}};
  CHECK(refusal(R"({"sub":"a","aud":"hub"})", policy) == "accepted");
  CHECK(refusal(R"({"sub":"a","aud":["x","fairlead"]})", policy) == "accepted");
  for (const char* claims :
       {R"({"sub":"a"})", R"({"sub":"a","aud":"hub "})", R"({"sub":"a","aud":[]})",
        R"({"sub":"a","aud":[["hub"]]})", R"({"sub":"a","aud":{"hub":1}})"}) {
    CHECK(refusal(claims, policy) == "token for another audience");
  }
  CHECK(refusal(R"({"sub":"a","aud":"elsewhere"})") == "accepted");
}

TEST_CASE("claims can have other names, and the usual ones mean nothing then") {
  const TokenPolicy policy{.claims = {.sub = "client_id",
                                      .exp = "until",
                                      .kind = "https://x/kind",
                                      .tenant = "org",
                                      .scope = "scp",
                                      .devices = "things"}};
  const auto principal = read(
      R"({"client_id":"d1","until":1764000060,"https://x/kind":"device","org":"acme","sub":"z",)"
      R"("exp":1,"kind":"client","tenant":"z"})",
      policy);
  REQUIRE(principal);
  CHECK(*principal == Principal{.kind = Kind::kDevice,
                                .tenant = "acme",
                                .subject = "d1",
                                .expires_at_ms = 1764000060000});
  CHECK(refusal(R"({"client_id":"d1","exp":1764000060})", policy) == "claim until: missing");
}
