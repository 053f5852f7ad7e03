#include "http/telemetry_export.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "unit/http/fake_site.h"

namespace fairlead::http {
namespace {

constexpr int kSamples = 30;
constexpr std::string_view kTarget = "/v1/devices/a/telemetry";

/// Each about 100 KiB, so that one read of the store gives a third of them; sample n has `n` and
/// `m<n>`.
std::string large_samples() {
  std::string body = R"({"samples":[)";
  for (int n = 1; n <= kSamples; ++n) {
    body += fmt::format(R"({}{{"ts":{},"metrics":{{"n":{},"m{}":true)", n == 1 ? "" : ",", n, n, n);
    for (int i = 0; i < 100; ++i) body += fmt::format(R"(,"s{}":"{}")", i, std::string(1000, 'x'));
    body += "}}";
  }
  return body + "]}";
}

struct Exporting {
  Exporting() {
    REQUIRE(front.ask("PUT", "/v1/devices/a", "{}").status() == 201);
    REQUIRE(front.ask("POST", kTarget, large_samples()).status() == 202);
  }

  Outcome begin(std::string_view query, std::string_view accept) {
    return front.ask("GET", fmt::format("{}?{}", kTarget, query), "",
                     {{"accept", std::string(accept)}});
  }
  /// The next piece of a streamed body; nothing when it was cut.
  std::optional<net::BodySource::Piece> next(const Outcome& outcome) {
    std::optional<net::BodySource::Piece> got;
    bool has_come = false;
    outcome.source->next([&](std::optional<net::BodySource::Piece> piece) {
      has_come = true;
      got = std::move(piece);
    });
    front.site.hub.commit();
    CHECK(has_come);
    return got;
  }
  /// The whole body, none of whose pieces is much larger than a read.
  std::string body(const Outcome& outcome) {
    if (!outcome.source) return outcome.response->body;
    std::string whole;
    for (int pieces = 1;; ++pieces) {
      const auto piece = next(outcome);
      if (!piece) return "cut";
      CHECK(piece->bytes.size() < 1'500'000);
      whole += piece->bytes;
      if (piece->is_last) {
        CHECK(pieces > 1);
        return whole;
      }
    }
  }
  std::string get(std::string_view query, std::string_view accept) {
    return body(begin(query, accept));
  }

  Front front;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// The `n` of each row of NDJSON.
std::vector<std::int64_t> numbers_of(std::string_view ndjson) {
  std::vector<std::int64_t> numbers;
  const auto lines = lines_of(ndjson);
  numbers.reserve(lines.size());
  for (const std::string& line : lines) {
    numbers.push_back(support::Json::parse(line)["metrics"]["n"].as_int());
  }
  return numbers;
}

std::vector<std::int64_t> from_to(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> numbers;
  const std::int64_t step = first <= last ? 1 : -1;
  for (std::int64_t n = first; n != last + step; n += step) numbers.push_back(n);
  return numbers;
}

}  // namespace

TEST_CASE("a page larger than a read is streamed whole, in each form") {
  Exporting exporting;
  const auto json = support::Json::parse(exporting.get("limit=1000", "application/json"));
  CHECK(json["items"].size() == kSamples);
  CHECK(json["items"][29]["metrics"]["n"] == 30);
  CHECK(json["next_cursor"].is_null());
  const std::string ndjson = exporting.get("limit=1000", "application/x-ndjson");
  CHECK(numbers_of(ndjson) == from_to(1, 30));
  const auto csv = lines_of(exporting.get("limit=1000", "text/csv"));
  REQUIRE(csv.size() == kSamples + 1);
  // All columns, also those of the last row.
  CHECK(csv[0].starts_with("offset,ts,at,m1,m10,m11,"));
  CHECK(csv[0].find(",m30,") != std::string::npos);
  CHECK(csv[30].starts_with("30,30,"));
}

TEST_CASE("the next page begins where a streamed one ends, in both orders") {
  Exporting exporting;
  const auto first = support::Json::parse(exporting.get("limit=25", "application/json"));
  CHECK(first["items"].size() == 25);
  const std::string cursor = first["next_cursor"].as_string();
  CHECK(numbers_of(exporting.get("limit=25&cursor=" + cursor, "application/x-ndjson")) ==
        from_to(26, 30));
  const Outcome down = exporting.begin("order=desc&limit=25", "application/x-ndjson");
  const std::string link = down.header("Link");
  CHECK(numbers_of(exporting.body(down)) == from_to(30, 6));
  const std::size_t at = link.find("cursor=");
  REQUIRE(at != std::string::npos);
  const std::string rest = "order=desc&limit=25&" + link.substr(at, link.find('>') - at);
  const Outcome last = exporting.begin(rest, "application/x-ndjson");
  CHECK(last.header("Link").empty());
  CHECK(numbers_of(exporting.body(last)) == from_to(5, 1));
}

TEST_CASE("what is stored while a page is streamed is not in it, and takes nothing out of it") {
  for (const char* accept : {"application/x-ndjson", "text/csv"}) {
    CAPTURE(accept);
    Exporting exporting;
    const Outcome outcome = exporting.begin("limit=30", accept);
    CHECK(outcome.header("Link").empty());
    const auto first = exporting.next(outcome);
    REQUIRE(first);
    const std::string late = R"({"ts":29,"metrics":{"n":1,"late":1}})";
    REQUIRE(exporting.front.ask("POST", kTarget, late).status() == 202);
    const std::string text = first->bytes + exporting.body(outcome);
    CHECK(text.find("late") == std::string::npos);
    const auto lines = lines_of(text);
    if (std::string_view(accept) == "text/csv") {
      CHECK(lines.size() == kSamples + 1);
      CHECK(lines.back().starts_with("30,30,"));
    } else {
      CHECK(numbers_of(text) == from_to(1, 30));
    }
  }
}

TEST_CASE("a page whose device is deleted on the way is cut") {
  for (const char* accept : {"application/json", "text/csv"}) {
    CAPTURE(accept);
    Exporting each;
    const Outcome outcome = each.begin("limit=1000", accept);
    REQUIRE(each.next(outcome));
    REQUIRE(each.front.ask("DELETE", "/v1/devices/a").status() == 204);
    CHECK_FALSE(each.next(outcome).has_value());
  }
}

TEST_CASE("a page that one read gives is answered at once, with its length") {
  Exporting exporting;
  const Outcome small = exporting.begin("limit=5", "application/json");
  CHECK_FALSE(small.source);
  CHECK(small.json()["items"].size() == 5);
  CHECK(small.json()["next_cursor"].is_string());
  CHECK_FALSE(exporting.begin("limit=5", "text/csv").header("Link").empty());
}

}  // namespace fairlead::http
