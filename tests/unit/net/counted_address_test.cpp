#include <doctest/doctest.h>

#include "net/address.h"

namespace fairlead::net {

TEST_CASE("the port does not count, and of IPv6 the network of 64 bits does") {
  CHECK(counted_address("192.0.2.7:4711") == "192.0.2.7");
  CHECK(counted_address("[2001:db8:1:2:3:4:5:6]:443") == "2001:db8:1:2::/64");
  CHECK(counted_address("[2001:db8:1:2::9]:443") == counted_address("[2001:db8:1:2:ffff::1]:80"));
  CHECK(counted_address("[2001:db8:1:3::9]:443") != counted_address("[2001:db8:1:2::9]:443"));
  CHECK(counted_address("[::1]:443") == "::/64");
  CHECK(counted_address("nothing known") == "nothing known");
}

}  // namespace fairlead::net
