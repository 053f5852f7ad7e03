#include "auth/origin.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using fairlead::auth::OriginPolicy;

namespace {

OriginPolicy a_policy(const std::vector<std::string>& allowed) {
  auto policy = OriginPolicy::make(allowed);
  REQUIRE(policy);
  return *policy;
}

constexpr bool kPlain = false;
constexpr bool kTls = true;

}  // namespace

TEST_CASE("a request without Origin is allowed") {
  CHECK(a_policy({}).allows(std::nullopt, "hub", kPlain));
}

TEST_CASE("the same origin is allowed: scheme, host and port are compared") {
  const auto policy = a_policy({});
  CHECK(policy.allows("http://hub:8080", "hub:8080", kPlain));
  CHECK(policy.allows("https://hub", "hub", kTls));
  CHECK(policy.allows("https://hub:443", "hub", kTls));
  CHECK(policy.allows("http://hub", "hub:80", kPlain));
  CHECK(policy.allows("http://HUB", "hub", kPlain));
  CHECK(policy.allows("http://[::1]:8080", "[::1]:8080", kPlain));
  CHECK_FALSE(policy.allows("http://hub", "hub", kTls));
  CHECK_FALSE(policy.allows("https://hub", "hub", kPlain));
  CHECK_FALSE(policy.allows("http://hub:8081", "hub:8080", kPlain));
  CHECK_FALSE(policy.allows("http://hub", "hub:443", kPlain));
  CHECK_FALSE(policy.allows("http://hub.evil.example", "hub", kPlain));
}

TEST_CASE("another origin is allowed if it is listed, exactly") {
  const auto policy = a_policy({"https://App.example", "http://localhost:5173"});
  CHECK(policy.allows("https://app.example", "hub", kPlain));
  CHECK(policy.allows("https://app.example:443", "hub", kPlain));
  CHECK(policy.allows("http://localhost:5173", "hub", kPlain));
  CHECK_FALSE(policy.allows("http://localhost", "hub", kPlain));
  CHECK_FALSE(policy.allows("http://app.example", "hub", kPlain));
  CHECK_FALSE(policy.allows("https://app.example.evil.example", "hub", kPlain));
  CHECK_FALSE(policy.allows("https://evil-app.example", "hub", kPlain));
}

TEST_CASE("a star allows every origin but null") {
  const auto policy = a_policy({"*"});
  CHECK(policy.allows("https://anywhere.example", "hub", kPlain));
  CHECK_FALSE(policy.allows("null", "hub", kPlain));
  CHECK(a_policy({"*", "null"}).allows("null", "hub", kPlain));
  CHECK(a_policy({"null"}).allows("null", "hub", kPlain));
}

TEST_CASE("what is no origin is refused") {
  const auto policy = a_policy({"*"});
  for (const char* origin :
       {"", "hub", "http:/hub", "http://", "http://hub/", "http://hub/path", "http://a b",
        "http://a, http://b", "://hub", "http://u@hub", "http://hub:", "http://hub:x",
        "http://hub:123456", "http://[::1", "http://[]", "NULL"}) {
    CAPTURE(std::string(origin));
    CHECK_FALSE(policy.allows(origin, "hub", kPlain));
  }
  CHECK_FALSE(a_policy({}).allows("http://", "", kPlain));
}

TEST_CASE("a listed origin that could never match is an error that names it") {
  for (const char* entry : {"app.example", "https://app.example/", "https://*.example", ""}) {
    CAPTURE(std::string(entry));
    const auto policy = OriginPolicy::make({entry});
    REQUIRE_FALSE(policy);
    CHECK(policy.error().message.find('"' + std::string(entry) + '"') != std::string::npos);
  }
}
