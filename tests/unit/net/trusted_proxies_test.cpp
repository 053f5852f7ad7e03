#include "net/trusted_proxies.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace fairlead::net;

namespace {

TrustedProxies trusting(const std::vector<std::string>& entries) {
  auto made = TrustedProxies::make(entries);
  REQUIRE(made.has_value());
  return *made;
}

bool contains(std::string_view range, std::string_view address) {
  const auto parsed = IpRange::parse(range);
  REQUIRE(parsed.has_value());
  return parsed->contains(*IpAddress::parse(address));
}

using Headers = std::vector<std::pair<std::string, std::string>>;

HttpRequest request(std::string remote, Headers headers) {
  HttpRequest made;
  made.headers = std::move(headers);
  made.remote = std::move(remote);
  return made;
}

std::string client(std::string remote, Headers headers) {
  static const TrustedProxies proxies = trusting({"10.0.0.0/8", "2001:db8::/32", "192.0.2.1"});
  HttpRequest asked = request(std::move(remote), std::move(headers));
  proxies.unveil(asked);
  return asked.remote;
}

std::string client(std::string remote, std::string forwarded) {
  return client(std::move(remote), Headers{{"x-forwarded-for", std::move(forwarded)}});
}

}  // namespace

TEST_CASE("a range holds the addresses that begin with its bits") {
  CHECK(contains("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  CHECK(contains("192.0.2.128/25", "192.0.2.128"));
  CHECK(contains("192.0.2.128/25", "192.0.2.255"));
  CHECK_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  CHECK(contains("192.0.2.7", "192.0.2.7"));
  CHECK_FALSE(contains("192.0.2.7/32", "192.0.2.6"));
  CHECK(contains("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("::1", "::1"));
  CHECK(contains("::/0", "192.0.2.7"));
  CHECK(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
}

TEST_CASE("an entry that is no range is named") {
  for (const std::string bad :
       {"", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "/8", "10.0.0.0/8/8",
        "::/129", "example.org", "10.0.0.0/8 ", "*", "10.0.0.1:80", "[::1]"}) {
    CAPTURE(bad);
    const auto made = TrustedProxies::make({"127.0.0.1", bad});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().message == bad + " is no address and no range such as 10.0.0.0/8");
  }
  const auto made = TrustedProxies::make({"10.1.0.0/8"});
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().message == "10.1.0.0/8: the address has bits behind its prefix");
}

TEST_CASE("the client is the last address that is no trusted proxy") {
  CHECK(client("10.0.0.1:55", "203.0.113.9") == "203.0.113.9:0");
  CHECK(client("10.0.0.1:55", "198.51.100.1, 203.0.113.9") == "203.0.113.9:0");
  CHECK(client("10.0.0.1:55", "203.0.113.9, 10.9.9.9, 192.0.2.1") == "203.0.113.9:0");
  CHECK(client("[2001:db8::5]:55", "2001:dead::1,2001:db8::7") == "[2001:dead::1]:0");
  CHECK(client("10.0.0.1:55", "10.0.0.2 ,\t10.0.0.3") == "10.0.0.2:0");
}

TEST_CASE("several headers are one list") {
  CHECK(client("10.0.0.1:55", Headers{{"x-forwarded-for", "203.0.113.9"},
                                      {"x-forwarded-for", "10.0.0.7"}}) == "203.0.113.9:0");
}

TEST_CASE("ports and brackets in the list are understood") {
  CHECK(client("10.0.0.1:55", "203.0.113.9:4711") == "203.0.113.9:4711");
  CHECK(client("10.0.0.1:55", "[2001:dead::1]:4711") == "[2001:dead::1]:4711");
  CHECK(client("10.0.0.1:55", "[2001:dead::1]") == "[2001:dead::1]:0");
}

TEST_CASE("what is no address ends the search") {
  CHECK(client("10.0.0.1:55", "203.0.113.9, unknown") == "10.0.0.1:55");
  CHECK(client("10.0.0.1:55", "203.0.113.9, _hidden, 10.0.0.7") == "10.0.0.7:0");
  for (const std::string bad : {"", ",", "localhost:80", "*:80", "203.0.113.9:", "203.0.113.9:x"}) {
    CAPTURE(bad);
    CHECK(client("10.0.0.1:55", bad) == "10.0.0.1:55");
  }
}

TEST_CASE("nobody else is believed") {
  CHECK(client("203.0.113.1:55", "198.51.100.1") == "203.0.113.1:55");
  CHECK(client("local:0", "198.51.100.1") == "local:0");
  HttpRequest asked =
      request("10.0.0.1:55", {{"x-forwarded-for", "198.51.100.1"}, {"x-forwarded-proto", "https"}});
  TrustedProxies().unveil(asked);
  CHECK(asked.remote == "10.0.0.1:55");
  CHECK_FALSE(asked.is_tls);
}

TEST_CASE("a trusted proxy tells how its client came") {
  const TrustedProxies proxies = trusting({"10.0.0.0/8"});
  const auto is_tls = [&](bool before, std::string_view scheme, std::string remote = "10.0.0.1:5") {
    HttpRequest asked = request(std::move(remote), {{"x-forwarded-proto", std::string(scheme)}});
    asked.is_tls = before;
    proxies.unveil(asked);
    return asked.is_tls;
  };
  CHECK(is_tls(false, "https"));
  CHECK(is_tls(false, "WSS"));
  CHECK_FALSE(is_tls(true, "http"));
  CHECK_FALSE(is_tls(false, "https, http"));
  CHECK(is_tls(true, ""));
  CHECK_FALSE(is_tls(false, "ftp"));
  CHECK_FALSE(is_tls(false, "https", "203.0.113.1:5"));
}
