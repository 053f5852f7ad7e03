#include "http/request_rates.h"

#include <doctest/doctest.h>

#include <string>

#include "support/tenant_meters.h"

using fairlead::auth::Kind;
using fairlead::auth::Principal;
using fairlead::http::RequestRates;

namespace {

constexpr fairlead::hub::RateLimit kOneASecond{.messages_per_second = 1, .burst = 1};

}  // namespace

TEST_CASE("each principal has a bucket of its own, by tenant, kind and subject") {
  fairlead::support::TenantMeters tenants{{}};
  RequestRates rates(kOneASecond, tenants);
  for (const char* tenant : {"a", "b"}) {
    for (const char* subject : {"x", "y"}) {
      for (const Kind kind : {Kind::kDevice, Kind::kClient}) {
        const Principal who{.kind = kind, .tenant = tenant, .subject = subject};
        CHECK(rates.charge(who, 0, 0).has_value());
        CHECK_FALSE(rates.charge(who, 0, 0).has_value());
      }
    }
  }
}

TEST_CASE("a flood of principals does not give those over their rate a new bucket") {
  fairlead::support::TenantMeters tenants{{}};
  RequestRates rates(kOneASecond, tenants);
  const Principal busy{.tenant = "t", .subject = "busy"};
  std::int64_t now = 0;
  CHECK(rates.charge(busy, 0, now).has_value());
  for (std::size_t i = 0; i < 4 * RequestRates::kMaxBuckets; ++i) {
    const Principal other{.tenant = "t", .subject = "other-" + std::to_string(i)};
    REQUIRE(rates.charge(other, 0, now).has_value());
    if (i % (RequestRates::kMaxBuckets / 4) != 0) continue;
    // The others' buckets are full again after a second, the busy one's is not yet.
    now += 1000;
    CHECK(rates.charge(busy, 0, now).has_value());
    CHECK_FALSE(rates.charge(busy, 0, now).has_value());
  }
}

TEST_CASE("the bytes of bodies count, and all principals of a tenant share what it may send") {
  const fairlead::hub::RateLimit of_tenant{.messages_per_second = 10, .burst = 3};
  const fairlead::hub::RateLimit own{
      .messages_per_second = 100, .burst = 100, .bytes_per_second = 1000, .longest_message = 100};
  fairlead::support::TenantMeters tenants(of_tenant);
  RequestRates rates(own, tenants);
  const Principal one{.tenant = "t", .subject = "one"};
  const Principal two{.tenant = "t", .subject = "two"};
  const Principal elsewhere{.tenant = "u", .subject = "one"};
  CHECK(rates.charge(one, 1000, 0).has_value());
  CHECK(rates.charge(one, 10, 0).error().retry_after_ms == 10);
  CHECK(rates.charge(two, 10, 0).has_value());
  CHECK(rates.charge(two, 10, 0).has_value());
  const auto refused = rates.charge(two, 10, 0);
  CHECK(refused.error().retry_after_ms == 100);
  CHECK(refused.error().message == "over 10 messages a second of this tenant");
  CHECK(rates.charge(elsewhere, 10, 0).has_value());
  CHECK(rates.charge(two, 10, 100).has_value());
}
