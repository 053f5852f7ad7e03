#include "net/proxy_header.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using fairlead::net::ProxyHeader;
using Outcome = ProxyHeader::Outcome;

namespace {

constexpr std::string_view kBehind = "\x16\x03\x01 what follows";
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};

std::string v2(unsigned version_command, unsigned family, std::string_view body) {
  std::string header(kSignature);
  header += static_cast<char>(version_command);
  header += static_cast<char>(family);
  header += static_cast<char>(body.size() >> 8U);
  header += static_cast<char>(body.size() & 0xFFU);
  return header + std::string(body);
}

const std::string kBody4{"\xC0\x00\x02\x07\x0A\x00\x00\x01\x12\x67\x01\xBB", 12};
const std::string kBody6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01" +
                           std::string(15, '\0') + "\x02" + std::string("\x12\x67\x01\xBB", 4);

struct Read {
  Outcome outcome = Outcome::kNeedMore;
  std::optional<std::string> client;
  std::string left;
};

/// Gives the bytes in two pieces, cut at `cut`.
Read read(std::string_view bytes, std::size_t cut) {
  ProxyHeader header;
  std::string_view first = bytes.substr(0, cut);
  Outcome outcome = header.take(first);
  if (outcome == Outcome::kNeedMore) {
    CHECK(first.empty());
    std::string_view second = bytes.substr(cut);
    outcome = header.take(second);
    return {outcome, header.client(), std::string(second)};
  }
  return {outcome, header.client(), std::string(first) + std::string(bytes.substr(cut))};
}

Outcome outcome_of(std::string_view bytes) { return read(bytes, bytes.size()).outcome; }

}  // namespace

TEST_CASE("a header tells the client and leaves what follows, wherever it is cut") {
  const std::vector<std::pair<std::string, std::optional<std::string>>> cases = {
      {"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n", "192.0.2.7:4711"},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"},
      {"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n", "[2001:db8::1]:4711"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "65535 65535\r\n",
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY UNKNOWN\r\n", std::nullopt},
      {"PROXY UNKNOWN 192.0.2.7 10.0.0.1 4711 443\r\n", std::nullopt},
      {v2(0x21, 0x11, kBody4), "192.0.2.7:4711"},
      {v2(0x21, 0x21, kBody6), "[2001:db8::1]:4711"},
      {v2(0x21, 0x11, kBody4 + std::string(500, 't')), "192.0.2.7:4711"},
      {v2(0x20, 0x00, ""), std::nullopt},
      {v2(0x20, 0x11, kBody4), std::nullopt},
      {v2(0x21, 0x00, ""), std::nullopt},
      {v2(0x21, 0x00, "skipped"), std::nullopt},
      {v2(0x21, 0x31, std::string(216, 'u')), std::nullopt},
      {v2(0x21, 0x12, kBody4), std::nullopt},
  };
  for (const auto& [header, client] : cases) {
    CAPTURE(header);
    const std::string bytes = header + std::string(kBehind);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      CAPTURE(cut);
      const Read got = read(bytes, cut);
      REQUIRE(got.outcome == Outcome::kWhole);
      CHECK(got.client == client);
      CHECK(got.left == kBehind);
    }
    // And octet by octet.
    ProxyHeader slow;
    for (std::size_t i = 0; i < header.size(); ++i) {
      std::string_view octet(&header[i], 1);
      REQUIRE(slow.take(octet) == (i + 1 == header.size() ? Outcome::kWhole : Outcome::kNeedMore));
    }
    CHECK(slow.client() == client);
  }
}

TEST_CASE("what is no header is found out as soon as it can be") {
  for (const std::string_view begin :
       {"G", "PR ", "PROXX", "PROXY\t", "PROXY\r", "\r\n\r\r", "\r\n\r\n\r", "\n", "\x16"}) {
    CAPTURE(begin);
    CHECK(outcome_of(begin) == Outcome::kMalformed);
    CHECK(outcome_of(begin.substr(0, begin.size() - 1)) != Outcome::kMalformed);
  }
}

TEST_CASE("malformed headers of version 1 are refused") {
  for (const std::string_view line :
       {"PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443 1\r\n",
        "PROXY TCP5 192.0.2.7 10.0.0.1 4711 443\r\n", "PROXY tcp4 192.0.2.7 10.0.0.1 4711 443\r\n",
        "PROXY TCP4  192.0.2.7 10.0.0.1 4711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443 \r\n", "PROXY TCP4 2001:db8::1 ::1 4711 443\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.1 4711 443\r\n", "PROXY TCP4 192.0.2.7 ::1 4711 443\r\n",
        "PROXY TCP4 192.0.2.256 10.0.0.1 4711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 -1 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 04711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 https\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\n",
        "PROXY UNKNOWN\n", "PROXY UNKNOWNS\r\n"}) {
    CAPTURE(line);
    CHECK(outcome_of(line) == Outcome::kMalformed);
  }
}

TEST_CASE("a header has a bounded length") {
  const std::string begin = "PROXY UNKNOWN ";
  const std::string longest = begin + std::string(107 - 2 - begin.size(), 'x') + "\r\n";
  CHECK(longest.size() == 107);
  CHECK(outcome_of(longest) == Outcome::kWhole);
  CHECK(outcome_of(begin + std::string(106 - begin.size(), 'x')) == Outcome::kNeedMore);
  CHECK(outcome_of(begin + std::string(107 - begin.size(), 'x')) == Outcome::kMalformed);
  CHECK(outcome_of(v2(0x21, 0x11, kBody4 + std::string(4096 - 16 - 12, 't'))) == Outcome::kWhole);
  CHECK(outcome_of(v2(0x21, 0x11, kBody4 + std::string(4096 - 16 - 11, 't')).substr(0, 16)) ==
        Outcome::kMalformed);
}

TEST_CASE("malformed headers of version 2 are refused") {
  CHECK(outcome_of(v2(0x11, 0x11, kBody4)) == Outcome::kMalformed);
  CHECK(outcome_of(v2(0x31, 0x11, kBody4)) == Outcome::kMalformed);
  CHECK(outcome_of(v2(0x22, 0x11, kBody4)) == Outcome::kMalformed);
  CHECK(outcome_of(v2(0x21, 0x11, kBody4.substr(0, 11))) == Outcome::kMalformed);
  CHECK(outcome_of(v2(0x21, 0x21, kBody6.substr(0, 35))) == Outcome::kMalformed);
  CHECK(outcome_of(v2(0x21, 0x21, kBody4)) == Outcome::kMalformed);
}
