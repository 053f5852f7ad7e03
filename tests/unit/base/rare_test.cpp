#include "base/rare.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace fairlead {

TEST_CASE("a rare value takes one pointer and is absent at first") {
  CHECK(sizeof(Rare<std::string>) == sizeof(void*));
  const Rare<std::string> none;
  CHECK_FALSE(none);
  CHECK(none == Rare<std::string>());
  CHECK_FALSE(none == std::string_view(""));
}

TEST_CASE("a rare value copies and compares as what it holds") {
  Rare<std::string> one = "epoch";
  const Rare<std::string> copy = one;
  CHECK(copy == one);
  CHECK(copy == std::string_view("epoch"));
  *one += '2';
  CHECK_FALSE(copy == one);
  CHECK(*copy == "epoch");
  one = copy;
  CHECK(one == copy);
  one.reset();
  CHECK_FALSE(one == copy);
}

TEST_CASE("a rare value comes from an optional one") {
  CHECK_FALSE(Rare<std::string>(std::optional<std::string>()));
  CHECK(Rare<std::string>(std::optional<std::string>("")) == std::string());
  CHECK(Rare<std::vector<int>>(std::vector{1, 2})->size() == 2);
}

}  // namespace fairlead
