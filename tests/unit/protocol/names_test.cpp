#include "protocol/names.h"

#include <doctest/doctest.h>

#include <string>

namespace fairlead::protocol {

TEST_CASE("an id has 1 to 128 characters of its alphabet") {
  CHECK(is_device_id("a"));
  CHECK(is_device_id("Az09_.:/-"));
  CHECK(is_device_id(std::string(128, 'x')));
  CHECK_FALSE(is_device_id(std::string(129, 'x')));
  CHECK_FALSE(is_device_id(""));
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_in = std::string_view(
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                           "_.:/-")
                           .find(c) != std::string_view::npos;
    CHECK_MESSAGE(is_device_id(std::string("a") + c) == is_in, byte);
  }
}

TEST_CASE("names of metrics and tenants have at most 64 characters") {
  CHECK(is_metric_name(std::string(64, 'x')));
  CHECK_FALSE(is_metric_name(std::string(65, 'x')));
  CHECK_FALSE(is_metric_name(""));
  CHECK_FALSE(is_metric_name("a*"));
  CHECK(is_tenant("acme"));
  CHECK(is_tenant(std::string(64, 'x')));
  CHECK_FALSE(is_tenant(std::string(65, 'x')));
  CHECK_FALSE(is_tenant("a b"));
  CHECK_FALSE(is_tenant(""));
}

TEST_CASE("a pattern is an id or a prefix that ends in a star") {
  CHECK(is_pattern("boiler-7"));
  CHECK(is_pattern("boiler-*"));
  CHECK(is_pattern("*"));
  CHECK(is_pattern(std::string(128, 'x') + "*"));
  CHECK_FALSE(is_pattern(std::string(129, 'x') + "*"));
  CHECK_FALSE(is_pattern(""));
  CHECK_FALSE(is_pattern("**"));
  CHECK_FALSE(is_pattern("*a"));
  CHECK_FALSE(is_pattern("a*b"));
  CHECK_FALSE(is_pattern("a b*"));
}

TEST_CASE("a pattern matches its id or what begins with it") {
  CHECK(matches("a", "a"));
  CHECK_FALSE(matches("a", "ab"));
  CHECK_FALSE(matches("ab", "a"));
  CHECK(matches("a*", "a"));
  CHECK(matches("a*", "ab"));
  CHECK_FALSE(matches("a*", "b"));
  CHECK(matches("*", "anything"));
  CHECK_FALSE(matches("ab*", "a"));
}

}  // namespace fairlead::protocol
