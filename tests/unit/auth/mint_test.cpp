#include "auth/mint.h"

#include <doctest/doctest.h>

#include "auth/verifier.h"
#include "signing.h"

using namespace fairlead::auth;
using namespace fairlead::auth::testing;

TEST_CASE("a minted token is accepted and says what was asked") {
  const HandClock clock(kNow);
  Verifier verifier(key_set(hs256_key()), {}, clock);
  const auto principal = verifier.verify(mint_hs256(kSecret, {.sub = "dash \"7\" \\ \xc3\xa4",
                                                              .kind = "client",
                                                              .tenant = "acme",
                                                              .scope = "telemetry:read admin",
                                                              .devices = {{"boiler-*", "pump"}},
                                                              .expires_at_ms = kNow + 1500,
                                                              .issued_at_ms = kNow,
                                                              .jti = "j1"}));
  REQUIRE(principal);
  CHECK(*principal == Principal{.kind = Kind::kClient,
                                .tenant = "acme",
                                .subject = "dash \"7\" \\ \xc3\xa4",
                                .scopes = {Scope::kTelemetryRead, Scope::kAdmin},
                                .devices = std::vector<std::string>{"boiler-*", "pump"},
                                .expires_at_ms = kNow + 1500,
                                .issued_at_ms = kNow,
                                .jti = "j1"});
}

TEST_CASE("minted claims leave out what was not said, and keep an empty list") {
  CHECK(to_json({.sub = "d"}) == R"({"sub":"d"})");
  CHECK(to_json({.sub = "d", .devices = {std::vector<std::string>{}}}) ==
        R"({"sub":"d","devices":[]})");
  CHECK(to_json({.sub = "a\nb", .expires_at_ms = 5007}) == R"({"sub":"a\u000ab","exp":5.007})");
}

TEST_CASE("minted claims take the names of the configuration") {
  CHECK(to_json({.sub = "d", .tenant = "t"}, {.sub = "client_id", .tenant = "org"}) ==
        R"({"client_id":"d","org":"t"})");
}
