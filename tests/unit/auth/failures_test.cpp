#include "auth/failures.h"

#include <doctest/doctest.h>

#include <string>

using namespace fairlead::auth;

namespace {

const std::string kHere = "192.0.2.7";

void fail_often(Failures& failures, const std::string& remote, int times, std::int64_t now) {
  for (int i = 0; i < times; ++i) failures.count(remote, now);
}

}  // namespace

TEST_CASE("as many failures as are allowed in a minute close an address, one less does not") {
  Failures failures(10);
  fail_often(failures, kHere, 9, 1000);
  CHECK(failures.wait_ms(kHere, 1000) == 0);
  failures.count(kHere, 1000);
  CHECK(failures.wait_ms(kHere, 1000) == 6000);
  CHECK(failures.wait_ms("192.0.2.8", 1000) == 0);
}

TEST_CASE("a closed address opens when what it is told to wait for is over, for one failure") {
  Failures failures(10);
  fail_often(failures, kHere, 25, 1000);
  CHECK(failures.wait_ms(kHere, 6999) == 1);
  CHECK(failures.wait_ms(kHere, 7000) == 0);
  failures.count(kHere, 7000);
  CHECK(failures.wait_ms(kHere, 7000) == 6000);
  // After a minute nothing is left.
  CHECK(failures.wait_ms(kHere, 67'000) == 0);
  fail_often(failures, kHere, 9, 67'000);
  CHECK(failures.wait_ms(kHere, 67'000) == 0);
}

TEST_CASE("one failure a minute closes for the rest of it") {
  Failures failures(1);
  failures.count(kHere, 0);
  CHECK(failures.wait_ms(kHere, 0) == 60'000);
  CHECK(failures.wait_ms(kHere, 59'999) == 1);
  CHECK(failures.wait_ms(kHere, 60'000) == 0);
}

TEST_CASE("the table is bounded, and those who go on failing stay in it") {
  Failures failures(2);
  fail_often(failures, kHere, 2, 0);
  for (std::size_t i = 0; i < 3 * Failures::kGeneration; ++i) {
    failures.count("a" + std::to_string(i), 0);
    if (i % 1000 == 0) failures.count(kHere, 0);
    REQUIRE(failures.size() <= 2 * Failures::kGeneration);
  }
  CHECK(failures.wait_ms(kHere, 0) > 0);
  // Two quiet minutes leave nothing.
  failures.count(kHere, 130'000);
  failures.count(kHere, 260'000);
  CHECK(failures.size() <= 2);
}
