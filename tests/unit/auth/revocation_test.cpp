#include "auth/revocation.h"

#include <doctest/doctest.h>

#include <string>

using namespace fairlead::auth;

namespace {

Principal a_principal(std::string tenant, fairlead::Rare<std::string> jti) {
  return {
      .kind = Kind::kClient, .tenant = std::move(tenant), .subject = "app", .jti = std::move(jti)};
}

}  // namespace

TEST_CASE("a revoked jti is revoked in its tenant only") {
  Revocations revocations;
  revocations.add({.tenant = "a", .jti = "1", .expires_at_ms = 1000});
  CHECK(revocations.is_revoked(a_principal("a", "1")));
  CHECK_FALSE(revocations.is_revoked(a_principal("b", "1")));
  CHECK_FALSE(revocations.is_revoked(a_principal("a", "2")));
}

TEST_CASE("a token without jti is never revoked") {
  Revocations revocations;
  revocations.add({.tenant = "a", .jti = "", .expires_at_ms = 1000});
  CHECK_FALSE(revocations.is_revoked(a_principal("a", {})));
}

TEST_CASE("a revocation is kept until it expires, and forgotten then") {
  Revocations revocations;
  revocations.add({.tenant = "a", .jti = "1", .expires_at_ms = 1000});
  CHECK_FALSE(revocations.sweep(999));
  CHECK(revocations.is_revoked(a_principal("a", "1")));
  CHECK_FALSE(revocations.sweep(1000));
  CHECK_FALSE(revocations.is_revoked(a_principal("a", "1")));
  CHECK(revocations.size() == 0);
}

TEST_CASE("revoking again keeps the later expiry, and 0 is the latest") {
  Revocations revocations;
  revocations.add({.tenant = "a", .jti = "1", .expires_at_ms = 1000});
  revocations.add({.tenant = "a", .jti = "1", .expires_at_ms = 3000});
  revocations.add({.tenant = "a", .jti = "1", .expires_at_ms = 2000});
  revocations.sweep(2999);
  CHECK(revocations.is_revoked(a_principal("a", "1")));
  revocations.add({.tenant = "a", .jti = "1", .expires_at_ms = 0});
  revocations.add({.tenant = "a", .jti = "1", .expires_at_ms = 4000});
  revocations.sweep(1'000'000);
  CHECK(revocations.is_revoked(a_principal("a", "1")));
}

TEST_CASE("a sweep does a bounded step, and says that more is due") {
  Revocations revocations;
  for (std::size_t i = 0; i <= Revocations::kSweepStep; ++i) {
    revocations.add({.tenant = "a", .jti = std::to_string(i), .expires_at_ms = 10});
  }
  CHECK(revocations.sweep(10));
  CHECK(revocations.size() == 1);
  CHECK_FALSE(revocations.sweep(10));
  CHECK(revocations.size() == 0);
}
