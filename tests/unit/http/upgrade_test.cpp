#include "http/upgrade.h"

#include <doctest/doctest.h>

#include <string>

#include "unit/http/fake_site.h"

namespace fairlead::http {
namespace {

const std::string kInvalidToken = R"(Bearer error="invalid_token")";

}  // namespace

TEST_CASE("a plain GET of the WebSocket's path is told to upgrade") {
  Front front;
  const Outcome plain = front.ask("GET", "/v1/ws");
  CHECK(plain.status() == 426);
  CHECK(plain.header("Upgrade") == "websocket");
  CHECK(plain.json()["status"] == 426);
  CHECK(front.site.arrivals.empty());
}

TEST_CASE("the first subprotocol that the hub speaks is echoed and chooses the codec") {
  const std::string json = "fairlead.v1.json";
  const std::string cbor = "fairlead.v1.cbor";
  Front front;
  CHECK(front.knock({json}).upgraded == json);
  CHECK(front.knock({cbor, json}).upgraded == cbor);
  CHECK(front.knock({"mqtt", json}).upgraded == json);
  CHECK(front.knock({}).upgraded == "");
  CHECK(front.knock({"fairlead.bearer.me.x.y"}).upgraded == "");
  CHECK(front.knock({"fairlead.bearer.me.x.y", json}).upgraded == json);
  const std::vector<protocol::Codec> codecs = {protocol::Codec::kJson, protocol::Codec::kCbor,
                                               protocol::Codec::kJson, protocol::Codec::kJson,
                                               protocol::Codec::kJson, protocol::Codec::kJson};
  REQUIRE(front.site.arrivals.size() == codecs.size());
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    CHECK(front.site.arrivals[i].info.codec == codecs[i]);
  }
  const Outcome unknown = front.knock({"mqtt", "fairlead.v2.json"});
  CHECK(unknown.status() == 400);
  CHECK(unknown.json()["code"] == "invalid");
}

TEST_CASE("the token comes from the header, a subprotocol or, where allowed, the query") {
  Front front({.allow_query_token = true});
  front.knock({}, {{"authorization", "Bearer a.x.y"}});
  front.knock({"fairlead.v1.json", "fairlead.bearer.b.x.y"});
  front.knock({}, {}, "access_token=c.x.y");
  front.knock({"fairlead.bearer.nobody.x.y"}, {{"authorization", "Bearer d.x.y"}});
  REQUIRE(front.site.arrivals.size() == 4);
  std::string subjects;
  for (const auto& arrival : front.site.arrivals) subjects += arrival.principal->subject;
  CHECK(subjects == "abcd");
}

TEST_CASE("a bad token is 401, though a good one stands in a later place") {
  Front front({.allow_query_token = true});
  for (const Outcome& refused :
       {front.knock({"fairlead.bearer.me.x.y"}, {{"authorization", "Bearer nobody.x.y"}}),
        front.knock({"fairlead.bearer.nobody.x.y"}, {}, "access_token=me.x.y"),
        front.knock({}, {}, "access_token=nobody.x.y"),
        front.knock({}, {{"authorization", "Basic YTpi"}})}) {
    CHECK(refused.status() == 401);
    CHECK(refused.header("WWW-Authenticate") == kInvalidToken);
    CHECK(refused.header("Content-Type") == "application/problem+json");
    CHECK(refused.json()["code"] == "unauthenticated");
  }
  CHECK(front.site.arrivals.empty());
}

TEST_CASE("an address over its limit is 429 with Retry-After, and challenged by nothing") {
  Front front;
  for (const Outcome& refused :
       {front.knock({}, {{"authorization", "Bearer guesser.x.y"}}),
        front.send("GET", "/v1/devices", "", {{"authorization", "Bearer guesser.x.y"}})}) {
    CHECK(refused.status() == 429);
    CHECK(refused.header("Retry-After") == "2");
    CHECK(refused.header("WWW-Authenticate").empty());
    CHECK(refused.json()["code"] == "rate_limited");
  }
  CHECK(front.site.arrivals.empty());
}

TEST_CASE("a token whose key is being fetched is answered when that has come") {
  Front front;
  const std::vector<std::pair<std::string, std::string>> late = {
      {"authorization", "Bearer late.x.y"}};
  const auto handshake = front.knock_later({"fairlead.v1.json"}, late);
  const auto request = front.send_later("GET", "/v1/devices", late);
  CHECK_FALSE(handshake->upgraded.has_value());
  CHECK(request->status() == 0);
  REQUIRE(front.site.waiting.size() == 2);
  const auth::Principal who{
      .tenant = "t", .subject = "late", .scopes = auth::Scopes::all(), .all_devices = true};
  for (auto& done : front.site.waiting) done(who);
  front.site.hub.commit();
  CHECK(handshake->upgraded == "fairlead.v1.json");
  REQUIRE(front.site.arrivals.size() == 1);
  CHECK(front.site.arrivals[0].principal == who);
  CHECK(request->status() == 200);
}

TEST_CASE("what is no token at all is counted") {
  Front front;
  CHECK(front.knock({}, {{"authorization", "Basic YTpi"}}).status() == 401);
  CHECK(front.send("GET", "/v1/devices", "", {{"authorization", "Bearer a b"}}).status() == 401);
  CHECK(front.site.malformed == 2);
  CHECK(front.send("GET", "/v1/devices").status() == 401);
  CHECK(front.site.malformed == 2);
}

TEST_CASE("without a token somebody unknown arrives, who has to say first who it is") {
  Front front;
  CHECK(front.knock({}, {}, "access_token=me.x.y").upgraded == "");
  REQUIRE(front.site.arrivals.size() == 1);
  CHECK_FALSE(front.site.arrivals[0].principal.has_value());
  CHECK(front.site.asked_to_connect == 0);
}

TEST_CASE("what arrives knows its id, its peer and its time, and large messages stay out") {
  Front front({.of_hub = {.max_message_bytes = 4096}});
  CHECK(front.knock({}, {{"authorization", "Bearer me.x.y"}}).max_message_bytes == 4096);
  front.knock({});
  const auto& arrivals = front.site.arrivals;
  REQUIRE(arrivals.size() == 2);
  CHECK(arrivals[0].info.id().starts_with("c-"));
  CHECK(arrivals[0].info.ulid != arrivals[1].info.ulid);
  CHECK(arrivals[0].info.remote == "192.0.2.7:4711");
  CHECK(arrivals[0].info.connected_at == front.site.hub.clock.now_ms());
}

TEST_CASE("a full hub says when to come back, but to a bad token that it is bad") {
  Front front;
  front.site.is_full = true;
  const Outcome refused = front.knock({}, {{"authorization", "Bearer device-7.x.y"}});
  CHECK(refused.status() == 503);
  CHECK(refused.json()["code"] == "overloaded");
  CHECK(refused.header("Retry-After") == "5");
  CHECK(front.knock({}).status() == 503);
  CHECK(front.knock({}, {{"authorization", "Bearer nobody.x.y"}}).status() == 401);
  CHECK(front.site.asked_to_connect == 0);
  CHECK(front.site.arrivals.empty());
}

TEST_CASE("a disabled device is refused before the upgrade; clients are not asked") {
  Front front;
  front.site.is_disabled = true;
  const Outcome refused = front.knock({}, {{"authorization", "Bearer device-7.x.y"}});
  CHECK(refused.status() == 403);
  CHECK(refused.json()["code"] == "forbidden");
  CHECK(front.knock({}, {{"authorization", "Bearer me.x.y"}}).upgraded == "");
  CHECK(front.site.asked_to_connect == 1);
  front.site.is_disabled = false;
  CHECK(front.knock({}, {{"authorization", "Bearer device-7.x.y"}}).upgraded == "");
  CHECK(front.site.arrivals.size() == 2);
}

TEST_CASE("a page of another origin gets no WebSocket, whatever its token") {
  Front front;
  const Front::HeaderList evil = {{"authorization", "Bearer me.x.y"},
                                  {"origin", "https://evil.example"}};
  CHECK(front.knock({"fairlead.v1.json"}, evil).status() == 403);
  CHECK(front.site.arrivals.empty());
  CHECK(front.knock({"fairlead.v1.json"}, {{"origin", "https://app.example"}}).upgraded ==
        "fairlead.v1.json");
  CHECK(front.knock({"fairlead.v1.json"}, {{"origin", "http://hub.example"}}).upgraded ==
        "fairlead.v1.json");
}

}  // namespace fairlead::http
