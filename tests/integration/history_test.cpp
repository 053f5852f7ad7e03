#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubProcess& hub() {
  static HubProcess shared;
  return shared;
}

/// A device with samples that have these ts, in this order; the metric `n` is the offset.
std::string device_with(std::initializer_list<std::int64_t> times) {
  std::string id = unique("meter");
  WsClient device = hub().device(id);
  Json::Array samples;
  for (const std::int64_t ts : times) {
    samples.push_back(
        obj("ts", ts, "metrics", obj("n", samples.size() + 1, "even", samples.size() % 2 == 1)));
  }
  device.ack(obj("type", "telemetry.batch", "samples", samples));
  return id;
}

std::vector<std::int64_t> offsets(const Json::Array& rows) {
  std::vector<std::int64_t> out;
  for (const Json& row : rows) out.push_back(row["offset"].as_int());
  return out;
}

std::vector<std::int64_t> offsets(const std::string& id, std::string_view query, int limit = 1000) {
  return offsets(hub().http().list(fmt::format("/v1/devices/{}/telemetry{}", id, query), limit));
}

using Offsets = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("the history is in the order of ts, then of arrival, and backwards on demand") {
  const std::string id = device_with({3000, 1000, 2000, 1000, 5000});
  CHECK(offsets(id, "") == Offsets{2, 4, 3, 1, 5});
  CHECK(offsets(id, "?order=asc") == Offsets{2, 4, 3, 1, 5});
  CHECK(offsets(id, "?order=desc") == Offsets{5, 1, 3, 4, 2});
}

TEST_CASE("from is inclusive and to exclusive") {
  const std::string id = device_with({1000, 2000, 3000, 4000});
  CHECK(offsets(id, "?from=2000&to=4000") == Offsets{2, 3});
  CHECK(offsets(id, "?from=2001") == Offsets{3, 4});
  CHECK(offsets(id, "?to=2000") == Offsets{1});
  CHECK(offsets(id, "?from=4000&to=4000").empty());
}

TEST_CASE("pages follow each other without a gap or a double, in both orders and among equal ts") {
  const std::string id = device_with({7, 7, 7, 7, 5, 5, 9, 9, 9, 1});
  const Offsets ascending{10, 5, 6, 1, 2, 3, 4, 7, 8, 9};
  Offsets descending(ascending.rbegin(), ascending.rend());
  for (int limit = 1; limit <= 10; ++limit) {
    CAPTURE(limit);
    CHECK(offsets(id, "?order=asc", limit) == ascending);
    CHECK(offsets(id, "?order=desc", limit) == descending);
  }
  const auto first = hub().http().get("/v1/devices/" + id + "/telemetry?limit=10").json();
  CHECK(first["items"].size() == 10);
  CHECK(first["next_cursor"].exists());
}

TEST_CASE("pages are of 100 unless limit says another number from 1 to 1000") {
  const std::string id = unique("meter");
  WsClient device = hub().device(id);
  Json::Array samples(150, obj("metrics", obj("n", 1)));
  device.ack(obj("type", "telemetry.batch", "samples", samples));
  const auto http = hub().http();
  const std::string target = "/v1/devices/" + id + "/telemetry";
  CHECK(http.get(target).json()["items"].size() == 100);
  CHECK(http.get(target + "?limit=1000").json()["items"].size() == 150);
  CHECK(http.get(target + "?limit=1000").json()["next_cursor"].is_null());
  for (const char* bad : {"limit=0", "limit=1001", "limit=x", "limit=", "limit=-1", "from=x",
                          "to=1.5", "order=up", "cursor=nonsense", "metrics=a%20b"}) {
    CAPTURE(bad);
    const HttpResponse response = http.get(target + "?" + bad);
    CHECK(response.status == 400);
    CHECK(response.json()["code"] == "invalid");
    CHECK(response.json()["fields"].size() > 0);
  }
}

TEST_CASE("metrics names what is wanted, and samples without any of it are left out") {
  const std::string id = unique("meter");
  WsClient device = hub().device(id);
  device.ack(obj("type", "telemetry", "ts", 1, "metrics", obj("a", 1, "b", 2, "c", 3)));
  device.ack(obj("type", "telemetry", "ts", 2, "metrics", obj("c", 4)));
  device.ack(obj("type", "telemetry", "ts", 3, "metrics", obj("b", 5, "d", 6)));
  const auto rows = hub().http().list("/v1/devices/" + id + "/telemetry?metrics=a,b");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["metrics"] == obj("a", 1, "b", 2));
  CHECK(rows[1]["metrics"] == obj("b", 5));
  CHECK(rows[1]["offset"] == 3);
}

TEST_CASE("latest is the newest value of each metric by ts, then by arrival") {
  const std::string id = unique("meter");
  WsClient device = hub().device(id);
  device.ack(obj("type", "telemetry", "ts", 2000, "metrics", obj("a", 1, "b", 1)));
  device.ack(obj("type", "telemetry", "ts", 1000, "metrics", obj("a", 2, "c", "old")));
  device.ack(obj("type", "telemetry", "ts", 2000, "metrics", obj("b", 3)));
  const Json latest = hub().http().get("/v1/devices/" + id + "/telemetry/latest").json();
  CHECK(latest["device"] == id);
  CHECK(latest["metrics"] == obj("a", obj("value", 1, "ts", 2000), "b", obj("value", 3, "ts", 2000),
                                 "c", obj("value", "old", "ts", 1000)));
}

TEST_CASE("NDJSON is a row a line, and its next page is in Link") {
  const std::string id = device_with({1000, 2000, 3000});
  const auto http = hub().http();
  const std::string target = "/v1/devices/" + id + "/telemetry";
  const auto first = http.get(target + "?limit=2", {"Accept: application/x-ndjson"});
  CHECK(first.status == 200);
  CHECK(first.header("content-type").starts_with("application/x-ndjson"));
  REQUIRE(std::ranges::count(first.body, '\n') == 2);
  CHECK(first.body.back() == '\n');
  const auto end = first.body.find('\n');
  CHECK(Json::parse(first.body.substr(0, end)) == http.get(target).json()["items"][0]);
  const std::string link = first.header("link");
  CAPTURE(link);
  REQUIRE(link.find("rel=") != std::string::npos);
  REQUIRE(link.starts_with("<"));
  const std::string next = link.substr(1, link.find('>') - 1);
  const auto second = http.get(next, {"Accept: application/x-ndjson"});
  CHECK(second.status == 200);
  CHECK(Json::parse(second.body)["offset"] == 3);
  CHECK(second.header("link").empty());
}

TEST_CASE("CSV has the columns offset, ts, at and then the metrics by name, quoted where needed") {
  const std::string id = unique("meter");
  WsClient device = hub().device(id);
  device.ack(obj("type", "telemetry", "ts", 1000, "metrics", obj("b", 1.5, "a", "x,\"y\"\nz")));
  device.ack(obj("type", "telemetry", "ts", 2000, "metrics", obj("c", true)));
  const auto http = hub().http();
  const auto rows = http.list("/v1/devices/" + id + "/telemetry");
  const auto csv = http.get("/v1/devices/" + id + "/telemetry", {"Accept: text/csv"});
  CHECK(csv.status == 200);
  CHECK(csv.header("content-type").starts_with("text/csv"));
  CHECK(csv.body == fmt::format("offset,ts,at,a,b,c\r\n"
                                "1,1000,{},\"x,\"\"y\"\"\nz\",1.5,\r\n"
                                "2,2000,{},,,true\r\n",
                                rows[0]["at"].as_int(), rows[1]["at"].as_int()));
}

TEST_CASE("a sample by POST is accepted with 202 after its commit, a batch too") {
  const std::string id = unique("meter");
  const auto http = hub().http();
  const std::string target = "/v1/devices/" + id + "/telemetry";
  const auto unknown = http.post(target, obj("metrics", obj("n", 1)));
  CHECK(unknown.status == 404);
  CHECK(unknown.json()["code"] == "not_found");
  REQUIRE(http.put("/v1/devices/" + id, obj()).status == 201);
  const auto one = http.post(target, obj("ts", 5, "metrics", obj("n", 1)));
  CHECK(one.status == 202);
  CHECK(one.json()["accepted"] == 1);
  CHECK(http.list(target).size() == 1);
  const Json samples =
      arr(obj("seq", 1, "metrics", obj("n", 2)), obj("seq", 1, "metrics", obj("n", 2)));
  const auto many = http.post(target, obj("samples", samples, "epoch", "p"));
  CHECK(many.status == 202);
  CHECK(many.json()["accepted"] == 1);
  CHECK(many.json()["duplicates"] == 1);
  CHECK(many.json()["last_seq"] == 1);
  CHECK(http.list(target).size() == 2);
}

TEST_CASE("a bad body of a POST is told like a bad message, and nothing is stored") {
  const std::string id = unique("meter");
  const auto http = hub().http();
  REQUIRE(http.put("/v1/devices/" + id, obj()).status == 201);
  const std::string target = "/v1/devices/" + id + "/telemetry";
  const auto code = [&](std::string_view body, int status) {
    const auto response = http.request("POST", target, std::string(body));
    CAPTURE(body);
    CHECK(response.status == status);
    CHECK(response.header("content-type").starts_with("application/problem+json"));
    return response.json()["code"].as_string();
  };
  CHECK(code("", 400) == "bad_message");
  CHECK(code("{", 400) == "bad_message");
  CHECK(code("[]", 400) == "bad_message");
  CHECK(code(R"({"metrics":{"n":1},"metrics":{"n":2}})", 400) == "bad_message");
  CHECK(code("{}", 400) == "invalid");
  CHECK(code(R"({"metrics":{"n":null}})", 400) == "invalid");
  CHECK(code(R"({"samples":[{"metrics":{"n":1}},{"metrics":{}}]})", 400) == "invalid");
  Json::Array samples(1001, obj("metrics", obj("n", 1)));
  CHECK(code(obj("samples", samples).dump(), 413) == "too_large");
  CHECK(http.list(target).empty());
}

TEST_CASE("the history is there for those who may read it, and nobody else") {
  const std::string id = device_with({1000});
  const std::string target = "/v1/devices/" + id + "/telemetry";
  CHECK(hub().anonymous().get(target).status == 401);
  CHECK(hub().http(Token::client("x").scope("device:read")).get(target).status == 403);
  CHECK(hub().http("other").get(target).status == 404);
  const Token outside = Token::client("x").scope("telemetry:read").devices(arr("other-*"));
  CHECK(hub().http(outside).get(target).status == 404);
  const Token inside = Token::client("x").scope("telemetry:read").devices(arr("meter-*"));
  CHECK(hub().http(inside).get(target).status == 200);
  CHECK(hub().http(inside).post(target, obj("metrics", obj("n", 1))).status == 403);
  CHECK(hub().http().get("/v1/devices/" + unique("nobody") + "/telemetry").status == 404);
  CHECK(hub().http().get("/v1/devices/" + unique("nobody") + "/telemetry/latest").status == 404);
}

TEST_CASE("a device id with a slash is written with %2F in a path") {
  const std::string id = unique("site/1:boiler");
  WsClient device = hub().device(id);
  device.ack(obj("type", "telemetry", "ts", 1, "metrics", obj("n", 1)));
  const std::string target = "/v1/devices/" + path_segment(id) + "/telemetry";
  CHECK(hub().http().list(target).size() == 1);
  CHECK(hub().http().get("/v1/devices/" + id + "/telemetry").status == 404);
}

TEST_CASE("large pages to readers that stop cost the hub little, and slow nobody") {
  HubProcess own({.settings = {"limits.messages_per_second=1000", "limits.burst=1000"}});
  const auto http = own.http();
  REQUIRE(http.put("/v1/devices/large", obj()).status == 201);
  // 150 rows of 100 KB: 15 MB.
  Json::Array samples;
  for (int n = 1; n <= 150; ++n) {
    Json::Object metrics = {{"n", n}};
    metrics.reserve(101);
    for (int i = 0; i < 100; ++i)
      metrics.emplace_back(fmt::format("s{}", i), std::string(1000, 'x'));
    samples.push_back(obj("ts", n, "metrics", Json(std::move(metrics))));
  }
  REQUIRE(http.post("/v1/devices/large/telemetry", obj("samples", samples)).status == 202);
  const std::string target = "/v1/devices/large/telemetry?limit=1000";
  CHECK(http.get(target).json()["items"].size() == 150);
  const std::size_t before = resident_bytes(own.process().pid());
  const std::string token = own.sign(Token::client("slow").may_do_all());
  std::vector<std::unique_ptr<HttpConnection>> stopped;
  for (int i = 0; i < 60; ++i) {
    stopped.push_back(std::make_unique<HttpConnection>(own.port()));
    stopped.back()->send("GET " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                         token + "\r\nAccept: application/x-ndjson\r\n\r\n");
  }
  for (int i = 0; i < 5; ++i) {
    const auto lines = http.get(target, {"Accept: application/x-ndjson"}).body;
    CHECK(std::ranges::count(lines, '\n') == 150);
  }
  // Sixty whole pages would be 900 MB; a sanitizer keeps some of what was freed.
  CHECK(resident_bytes(own.process().pid()) < before + (std::size_t{400} << 20));
  // Who reads again gets the rest.
  CHECK(std::ranges::count(stopped[7]->receive().body, '\n') == 150);
}

// ---- buckets ------------------------------------------------------------------------------------

namespace {

Json::Array buckets(const std::string& id, std::string_view query, int limit = 1000) {
  return hub().http().list(fmt::format("/v1/devices/{}/telemetry?{}", id, query), limit);
}

}  // namespace

TEST_CASE("a bucket tells of each metric what was asked for") {
  const std::string id = device_with({60'000, 61'000, 119'999, 120'000, 300'000});
  const Json::Array rows =
      buckets(id, "bucket_ms=60000&metrics=n&aggregate=avg,min,max,sum,count,first,last");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]["ts"].as_int() == 60'000);
  CHECK(rows[0]["metrics"]["n"] ==
        obj("avg", 2, "min", 1, "max", 3, "sum", 6, "count", 3, "first", 1, "last", 3));
  CHECK(rows[1]["ts"].as_int() == 120'000);
  CHECK(rows[1]["metrics"]["n"]["count"].as_int() == 1);
  CHECK(rows[2]["ts"].as_int() == 300'000);
  CHECK(buckets(id, "bucket_ms=60000&order=desc")[0]["ts"].as_int() == 300'000);
  CHECK(buckets(
            id,
            "bucket_ms=60000&from=61000&to=120000&aggregate=count&metrics=n")[0]["metrics"]["n"] ==
        obj("count", 2));
}

TEST_CASE("of booleans shares are told, of strings how many, the first and the last") {
  const std::string id = unique("meter");
  WsClient device = hub().device(id);
  const std::vector<std::string> modes = {"eco", "say \"hi\", twice", "off"};
  for (std::size_t i = 0; i < modes.size(); ++i) {
    device.ack(
        obj("type", "telemetry", "ts", 1000 + i, "metrics", obj("mode", modes[i], "on", i == 1)));
  }
  const Json::Array rows = buckets(id, "bucket_ms=1000");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["metrics"]["mode"] == obj("count", 3, "first", "eco", "last", "off"));
  CHECK(rows[0]["metrics"]["on"]["min"] == Json(false));
  CHECK(rows[0]["metrics"]["on"]["max"] == Json(true));
  CHECK(rows[0]["metrics"]["on"]["sum"].as_int() == 1);
  const auto csv = hub().http().get(
      "/v1/devices/" + id + "/telemetry?bucket_ms=1000&aggregate=count,last&to=1002",
      {"Accept: text/csv"});
  CHECK(csv.body ==
        "ts,mode.count,mode.last,on.count,on.last\r\n1000,2,\"say \"\"hi\"\", twice\",2,true\r\n");
}

TEST_CASE("buckets come in pages, and an empty one is none") {
  const std::string id = device_with({0, 10'000, 20'000, 70'000, 80'000});
  CHECK(buckets(id, "bucket_ms=10000&aggregate=count", 2).size() == 5);
  const auto page =
      hub().http().get("/v1/devices/" + id + "/telemetry?bucket_ms=10000&limit=2&aggregate=count",
                       {"Accept: application/x-ndjson"});
  CHECK(page.body.starts_with(R"({"ts":0,"metrics":{"even":{"count":1},"n":{"count":1}}})"));
  CHECK(page.header("link").find("cursor=") != std::string::npos);
}

TEST_CASE("what makes no buckets is refused by name") {
  const std::string id = device_with({1000});
  const auto refuse = [&](std::string_view query, std::string_view field) {
    CAPTURE(query);
    const auto answer = hub().http().get(fmt::format("/v1/devices/{}/telemetry?{}", id, query));
    CHECK(answer.status == 400);
    CHECK(answer.json()["code"].as_string() == "invalid");
    CHECK(answer.json()["fields"][0]["path"].as_string() == field);
  };
  refuse("bucket_ms=0", "bucket_ms");
  refuse("bucket_ms=-60000", "bucket_ms");
  refuse("bucket_ms=31622400001", "bucket_ms");
  refuse("bucket_ms=1000&aggregate=median", "aggregate");
  refuse("bucket_ms=1000&aggregate=avg,avg", "aggregate");
  refuse("bucket_ms=1000&aggregate=", "aggregate");
  refuse("aggregate=avg", "aggregate");
  refuse("bucket_ms=1000&cursor=eA", "cursor");
}
