// Every way in which a connection ends: one row of the log and, for a device, one event of
// presence, with the cause that it had.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

/// Somebody who is connected, and the hub.
struct Scene {
  HubProcess& hub;
  std::string subject;
  WsClient& peer;
  std::string connection;
  /// Connections that must outlast the scene.
  std::vector<WsClient>& others;
};

/// How a connection ends, and what is to be told of it.
struct Way {
  std::string name;
  int code = 0;
  std::string reason;
  std::function<void(Scene&)> end;
  double token_s = 3600;
};

void close_frame(Scene& scene, std::string payload) {
  scene.peer.send_frame({.opcode = kClose, .payload = std::move(payload)});
}

void patch(Scene& scene, const Json& body) {
  CHECK(scene.hub.http().patch("/v1/devices/" + scene.subject, body).status == 200);
}

/// Of devices and clients alike.
std::vector<Way> ways_of_all() {
  return {
      {"normal", 1000, "closed with 1000", [](Scene& s) { s.peer.send_close(1000); }},
      {"going", 1001, "battery low", [](Scene& s) { s.peer.send_close(1001, "battery low"); }},
      {"codeless", 1005, "closed with 1005", [](Scene& s) { close_frame(s, ""); }},
      {"own-code", 4999, "bye", [](Scene& s) { s.peer.send_close(4999, "bye"); }},
      {"reset", 1006, "connection lost", [](Scene& s) { s.peer.socket().reset(); }},
      {"end-of-file", 1006, "connection lost", [](Scene& s) { s.peer.socket().close(); }},
      {"half-closed", 1006, "connection lost", [](Scene& s) { s.peer.socket().shut_writing(); }},
      // A peer that vanished: the socket stays, nothing is read or said any more.
      {"vanished", 4408, "heartbeat timeout", [](Scene&) {}},
      {"unmasked", 1002, "", [](Scene& s) { s.peer.send_raw(std::string("\x81\x02{}", 4)); }},
      {"binary", 1003, "frame of the other kind", [](Scene& s) { s.peer.send_binary("x"); }},
      {"no-utf8", 1007, "", [](Scene& s) { s.peer.send_text("\xC3\x28"); }},
      {"too-big", 1009, "", [](Scene& s) { s.peer.send_text(std::string(5000, ' ')); }},
      {"nonsense", 4400, "too many bad messages",
       [](Scene& s) {
         for (int i = 0; i < 20; ++i) s.peer.send_text("{}");
       }},
      {"expiring", 4401, "token expired", [](Scene&) {}, 2.5},
      {"revoked", 4401, "the token was revoked",
       [](Scene& s) {
         const Json body = obj("jti", s.subject, "expires_at", now_ms() + 60'000);
         CHECK(s.hub.http().post("/v1/tokens/revoke", body).status == 204);
       }},
      {"kicked", 4403, "closed by an administrator",
       [](Scene& s) { CHECK(s.hub.http().del("/v1/connections/" + s.connection).status == 204); }},
      {"bad-refresh", 4401, "", [](Scene& s) { s.peer.send(obj("type", "auth", "token", "x")); }},
  };
}

std::vector<Way> ways_of_devices() {
  std::vector<Way> ways = ways_of_all();
  ways.push_back(
      {"disabled", 4403, "device disabled", [](Scene& s) { patch(s, obj("disabled", true)); }});
  ways.push_back({"deleted", 4403, "device deleted", [](Scene& s) {
                    CHECK(s.hub.http().del("/v1/devices/" + s.subject).status == 204);
                  }});
  ways.push_back({"replaced", 4409, "replaced by a newer connection",
                  [](Scene& s) { s.others.push_back(s.hub.device(s.subject)); }});
  return ways;
}

struct Row {
  Json json;
  int count = 0;
};

/// The log by connection, once it has all of `connections`.
std::map<std::string, Row> log_with(const HubProcess& hub,
                                    const std::vector<std::string>& connections) {
  const auto http = hub.http();
  std::map<std::string, Row> rows;
  eventually([&] {
    rows.clear();
    for (const Json& row : http.list("/v1/connection-logs")) {
      Row& known = rows[row["connection"].as_string()];
      known.json = row;
      ++known.count;
    }
    return std::ranges::all_of(connections, [&rows](const auto& id) { return rows.contains(id); });
  });
  return rows;
}

struct Played {
  Way way;
  std::string subject;
  std::string connection;
  /// Just before.
  std::int64_t ended_at = 0;
};

/// Everyone connects, then ends in its way; the peers, of which some live on, go to `peers`.
std::vector<Played> play(HubProcess& hub, const std::vector<Way>& ways, bool are_devices,
                         std::vector<WsClient>& peers, std::vector<WsClient>& others) {
  std::vector<Played> played;
  peers.reserve(ways.size());
  for (const Way& way : ways) {
    const std::string subject = (are_devices ? "d-" : "c-") + way.name;
    Token token = are_devices ? Token::device(subject) : Token::client(subject);
    peers.emplace_back(hub.port(),
                       WsOptions{.token = hub.sign(token.jti(subject).expires_in(way.token_s)),
                                 .answers_pings = false});
    played.push_back({way, subject, peers.back().expect("welcome")["connection"].as_string(), 0});
  }
  for (std::size_t i = 0; i < played.size(); ++i) {
    Scene scene{hub, played[i].subject, peers[i], played[i].connection, others};
    played[i].ended_at = now_ms();
    played[i].way.end(scene);
  }
  return played;
}

void check_rows(const HubProcess& hub, const std::vector<Played>& all, bool are_devices) {
  std::vector<std::string> connections;
  connections.reserve(all.size());
  for (const Played& played : all) connections.push_back(played.connection);
  const auto rows = log_with(hub, connections);
  for (const Played& played : all) {
    CAPTURE(played.subject);
    const auto found = rows.find(played.connection);
    REQUIRE(found != rows.end());
    const Json& row = found->second.json;
    CHECK(found->second.count == 1);
    CHECK(row["code"] == played.way.code);
    if (!played.way.reason.empty()) CHECK(row["reason"] == played.way.reason);
    CHECK(row["reason"] != "");
    CHECK(row["subject"] == played.subject);
    CHECK(row["kind"] == (are_devices ? "device" : "client"));
  }
}

}  // namespace

TEST_CASE("each end of a device is one row of the log and one event of presence, with its cause") {
  HubProcess hub({.settings = {"presence.heartbeat_ms=1000", "limits.max_message_bytes=4096"}});
  WsClient watcher = hub.client();
  watcher.ack(obj("type", "subscribe", "devices", arr("d-*"), "events", arr("presence")));
  std::vector<WsClient> peers;
  std::vector<WsClient> others;
  const auto played = play(hub, ways_of_devices(), true, peers, others);
  // Whoever took a place keeps it till now.
  REQUIRE(others.size() == 1);
  others[0].send_close(1000);

  std::map<std::string, std::vector<Json>> told;
  for (std::size_t offs = 0; offs < played.size();) {
    const Json event = watcher.expect("presence");
    if (event["connected"] == false) ++offs;
    told[event["device"].as_string()].push_back(event);
  }
  watcher.expect_nothing();
  check_rows(hub, played, true);
  const auto rows = log_with(hub, {});
  for (const Played& one : played) {
    CAPTURE(one.subject);
    const auto& events = told[one.subject];
    REQUIRE(events.size() == 2);
    CHECK(events[0]["connected"] == true);
    CHECK(events[0]["reason"].is_null());
    CHECK(events[0]["session"] == 1);
    CHECK(events[1]["connected"] == false);
    const bool is_replaced = one.way.code == 4409;
    CHECK(events[1]["session"] == (is_replaced ? 2 : 1));
    const auto reason =
        is_replaced ? Json("closed with 1000") : rows.at(one.connection).json["reason"];
    CHECK(events[1]["reason"] == reason);
    if (!is_replaced) {
      CHECK(events[1]["at"].as_int() >= events[1]["last_seen"].as_int());
    }
    // A close frame is a sign of life, the last one.
    if (one.way.code == 1000 || one.way.code == 1001 || one.way.code == 1005) {
      CHECK(events[1]["last_seen"].as_int() >= one.ended_at);
    }
  }
}

TEST_CASE("each end of a client is one row of the log, with its cause") {
  HubProcess hub({.settings = {"presence.heartbeat_ms=1000", "limits.max_message_bytes=4096"}});
  std::vector<WsClient> peers;
  std::vector<WsClient> others;
  const auto played = play(hub, ways_of_all(), false, peers, others);
  check_rows(hub, played, false);
  CHECK(hub.http().list("/v1/connections").empty());
}

TEST_CASE(
    "one that is too slow to read ends with 4410 in the log, or with 1013 for all others' sake") {
  std::vector<std::string> settings = {"presence.heartbeat_ms=60000"};
  int code = 4410;
  std::string reason = "too slow to read";
  SUBCASE("too much waits for it") { settings.emplace_back("limits.outbox_bytes=65536"); }
  SUBCASE("too much waits for all, and it has the most") {
    code = 1013;
    reason = "short of memory";
    settings.emplace_back("limits.outbox_bytes=8388608");
    settings.emplace_back("limits.memory_bytes=8388608");
  }
  const HubProcess hub({.settings = settings});
  std::vector<WsClient> slow;
  std::vector<std::string> connections;
  for (int i = 0; i < 3; ++i) {
    slow.emplace_back(hub.port(), WsOptions{.token = hub.sign(Token::client("slow").may_do_all()),
                                            .receive_buffer_bytes = 4096});
    connections.push_back(slow.back().expect("welcome")["connection"].as_string());
    slow.back().ack(obj("type", "subscribe", "devices", arr("*"), "events", arr("device")));
  }
  const auto http = hub.http();
  const std::string text(200'000, 'x');
  Json::Array rows;
  // A hub without memory lets nobody in meanwhile, who asks neither.
  CHECK(eventually([&] {
    http.put("/v1/devices/big", obj("metadata", obj("at", now_ms(), "text", text)));
    const HttpResponse answer = http.get("/v1/connection-logs");
    if (answer.status == 200) rows = answer.json()["items"].items();
    return !rows.empty();
  }));
  REQUIRE(!rows.empty());
  for (const Json& row : rows) {
    CHECK(std::ranges::count(connections, row["connection"].as_string()) == 1);
    CHECK(row["code"] == code);
    CHECK(row["reason"] == reason);
  }
}

TEST_CASE("holders of one identity that throw each other out end with 4429 in the log") {
  HubProcess hub;
  WsClient watcher = hub.client();
  watcher.ack(obj("type", "subscribe", "devices", arr("twin"), "events", arr("presence")));
  std::vector<WsClient> twins;
  twins.reserve(13);
  std::vector<std::string> connections;
  for (int i = 0; i < 11; ++i) {
    twins.emplace_back(hub.port(), WsOptions{.token = hub.sign(Token::device("twin"))});
    connections.push_back(twins.back().expect("welcome")["connection"].as_string());
  }
  // The eleventh replacement, and one that comes when both are gone.
  for (int i = 0; i < 2; ++i) {
    twins.emplace_back(hub.port(), WsOptions{.token = hub.sign(Token::device("twin"))});
    twins.back().expect_error("rate_limited");
    twins.back().expect_close(4429);
  }
  std::map<std::string, Row> rows;
  CHECK(eventually([&] { return (rows = log_with(hub, connections)).size() == 13; }));
  int refused = 0;
  for (const auto& [connection, row] : rows) {
    CHECK(row.count == 1);
    if (row.json["code"] == 4429) {
      ++refused;
    } else {
      CHECK(row.json["code"] == 4409);
    }
  }
  CHECK(refused == 3);
  CHECK(watcher.expect("presence")["connected"] == true);
  const Json off = watcher.expect("presence");
  CHECK(off["connected"] == false);
  CHECK(off["session"] == 11);
  CHECK(off["reason"] == "replaces itself again and again");
  watcher.expect_nothing();
}

TEST_CASE("a drain and a kill end everyone in the log, each with its cause") {
  HubProcess hub;
  std::map<std::string, std::pair<int, std::string>> expected;
  std::vector<WsClient> peers;
  const auto connect = [&](int code, const std::string& reason) {
    for (const bool is_device : {true, false}) {
      const Token token = is_device ? Token::device("d") : Token::client("c");
      peers.emplace_back(hub.port(), WsOptions{.token = hub.sign(token)});
      const std::string id = peers.back().expect("welcome")["connection"].as_string();
      expected[id] = {code, reason};
    }
    // What is committed in order is committed before this.
    CHECK(hub.http().put("/v1/devices/other", obj("name", reason)).status < 300);
  };
  connect(1012, "restart");
  CHECK(hub.stop() == 0);
  hub.start();
  connect(1006, "hub restarted");
  hub.restart();
  std::vector<std::string> connections;
  connections.reserve(expected.size());
  for (const auto& [id, end] : expected) connections.push_back(id);
  const auto rows = log_with(hub, connections);
  CHECK(rows.size() == expected.size());
  for (const auto& [id, end] : expected) {
    CHECK(rows.at(id).count == 1);
    CHECK(rows.at(id).json["code"] == end.first);
    CHECK(rows.at(id).json["reason"] == end.second);
  }
  const Json device = hub.http().get("/v1/devices/d").json();
  CHECK(device["connected"] == false);
  CHECK(device["session"] == 2);
}
