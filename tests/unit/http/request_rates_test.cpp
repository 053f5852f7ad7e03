#include "http/request_rates.h"

#include <doctest/doctest.h>

#include <string>

using fairlead::auth::Kind;
using fairlead::auth::Principal;
using fairlead::http::RequestRates;

TEST_CASE("each principal has a bucket of its own, by tenant, kind and subject") {
  RequestRates rates(1, 1);
  for (const char* tenant : {"a", "b"}) {
    for (const char* subject : {"x", "y"}) {
      for (const Kind kind : {Kind::kDevice, Kind::kClient}) {
        const Principal who{.kind = kind, .tenant = tenant, .subject = subject};
        CHECK(rates.charge(who, 0).has_value());
        CHECK_FALSE(rates.charge(who, 0).has_value());
      }
    }
  }
}

TEST_CASE("a flood of principals does not give those over their rate a new bucket") {
  RequestRates rates(1, 1);
  const Principal busy{.tenant = "t", .subject = "busy"};
  std::int64_t now = 0;
  CHECK(rates.charge(busy, now).has_value());
  for (std::size_t i = 0; i < 4 * RequestRates::kMaxBuckets; ++i) {
    const Principal other{.tenant = "t", .subject = "other-" + std::to_string(i)};
    REQUIRE(rates.charge(other, now).has_value());
    if (i % (RequestRates::kMaxBuckets / 4) != 0) continue;
    // The others' buckets are full again after a second, the busy one's is not yet.
    now += 1000;
    CHECK(rates.charge(busy, now).has_value());
    CHECK_FALSE(rates.charge(busy, now).has_value());
  }
}
