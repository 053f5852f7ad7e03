// Thousands of connections that come and go in random order: afterwards the hub knows what the test
// knows.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

/// What the log must say of an end. An empty reason: any.
struct End {
  int code = 0;
  std::string reason;
};

struct Row {
  bool is_device = true;
  std::string subject;
  End end;
};

/// An event of presence: connected, session, reason.
using Told = std::tuple<bool, std::int64_t, std::string>;

struct Device {
  std::int64_t connects = 0;
  int replaced = 0;
  std::vector<Told> expected;
  std::vector<Told> told;
  bool is_disabled = false;
};

struct Live {
  std::unique_ptr<WsClient> peer;
  bool is_device = true;
  std::string subject;
  std::string connection;
};

double metric(const HubProcess& hub, const std::string& name) {
  const std::string text = hub.anonymous().get("/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

class Churn {
 public:
  static constexpr int kConnects = 5000;

  explicit Churn(std::uint32_t seed) : random_(seed), watcher_(hub_.client(watcher_token())) {
    watcher_.ack(obj("type", "subscribe", "devices", arr("*"), "events", arr("presence")));
    for (int i = 0; i < 250; ++i) devices_[fmt::format("device-{:03}", i)];
  }

  void play() {
    while (connects_ < kConnects) {
      if (live_.size() < 400 && below(2) == 0) connect();
      if (!live_.empty() && below(2) == 0) end(below(live_.size()));
    }
  }

  void check() {
    while (!is_all_told()) read_event();
    watcher_.expect_nothing();
    check_presence();
    check_logs();
    check_connections();
    check_metrics();
  }

 private:
  static Token watcher_token() { return Token::client("watcher").may_do_all(); }

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

  // ---- what happens ----------------------------------------------------------------------------
  void connect() {
    const bool is_device = below(4) != 0;
    std::string subject = fmt::format("app-{}", below(20));
    if (is_device) {
      auto place = devices_.begin();
      std::advance(place, static_cast<std::ptrdiff_t>(below(devices_.size())));
      subject = place->first;
      if (!make_room(subject, place->second)) return;
    }
    const std::string jti = fmt::format("token-{}", ++connects_);
    const Token token = is_device ? Token::device(subject) : Token::client(subject);
    // Now and then the token comes in the first message, on a shard that is not the device's.
    const bool is_first_message = below(3) == 0;
    Token with_id = token;
    const std::string text = hub_.sign(with_id.jti(jti));
    auto peer =
        std::make_unique<WsClient>(hub_.port(), WsOptions{.token = is_first_message ? "" : text});
    if (is_first_message) peer->send(obj("type", "auth", "token", text));
    const std::string id = peer->expect("welcome")["connection"].as_string();
    tokens_[id] = jti;
    if (is_device) begin_device(subject);
    live_.push_back({std::move(peer), is_device, subject, id});
  }

  /// False when the device may not come now. One that is there will be replaced.
  bool make_room(const std::string& id, Device& device) {
    const auto there = std::ranges::find_if(
        live_, [&id](const Live& live) { return live.is_device && live.subject == id; });
    if (there == live_.end()) {
      // The hub has to know of the end, or it would be a takeover.
      while (device.told.size() < device.expected.size()) read_event();
      if (device.is_disabled) {
        device.is_disabled = false;
        REQUIRE(http_.patch("/v1/devices/" + id, obj("disabled", false)).status == 200);
      }
      return true;
    }
    // Twins that replace each other too often are another test.
    if (++device.replaced > 8) return false;
    rows_[there->connection] = {true, id, {4409, "replaced by a newer connection"}};
    // It need not have read that to be replaced.
    replaced_.push_back(std::move(*there));
    if (replaced_.size() > 50) replaced_.pop_front();
    live_.erase(there);
    is_takeover_ = true;
    return true;
  }

  void begin_device(const std::string& id) {
    Device& device = devices_[id];
    ++device.connects;
    if (!std::exchange(is_takeover_, false)) {
      device.expected.emplace_back(true, device.connects, "");
    }
  }

  void end(std::size_t index) {
    std::swap(live_[index], live_.back());
    Live one = std::move(live_.back());
    live_.pop_back();
    const End end = end_somehow(one);
    rows_[one.connection] = {one.is_device, one.subject, end};
    if (!one.is_device) return;
    Device& device = devices_[one.subject];
    device.expected.emplace_back(false, device.connects, end.reason);
  }

  End end_somehow(Live& one) {
    WsClient& peer = *one.peer;
    switch (below(11)) {
      case 0:
        peer.send_close(1000);
        return {1000, "closed with 1000"};
      case 1:
        peer.send_close(1001, "going to sleep");
        return {1001, "going to sleep"};
      case 2:
        peer.send_frame({.opcode = kClose, .payload = ""});
        return {1005, "closed with 1005"};
      case 3:
        peer.socket().reset();
        return {1006, "connection lost"};
      case 4:
        peer.socket().close();
        return {1006, "connection lost"};
      case 5:
        peer.send_binary("x");
        peer.expect_close(1003);
        return {1003, "frame of the other kind"};
      case 6:
        peer.send_text("\xC3\x28");
        peer.expect_close(1007);
        return {1007, "text is not UTF-8"};
      case 7:
        for (int i = 0; i < 20; ++i) peer.send_text("[]");
        peer.expect_close(4400);
        return {4400, "too many bad messages"};
      case 8:
        REQUIRE(http_.del("/v1/connections/" + one.connection).status == 204);
        return {4403, "closed by an administrator"};
      case 9:
        REQUIRE(http_
                    .post("/v1/tokens/revoke",
                          obj("jti", tokens_[one.connection], "expires_at", now_ms() + 600'000))
                    .status == 204);
        // In force on the other shards a moment later.
        peer.expect_close(4401);
        return {4401, "the token was revoked"};
      default:
        break;
    }
    if (!one.is_device) {
      peer.send_close(1000, "bye");
      return {1000, "bye"};
    }
    devices_[one.subject].is_disabled = true;
    REQUIRE(http_.patch("/v1/devices/" + one.subject, obj("disabled", true)).status == 200);
    return {4403, "device disabled"};
  }

  // ---- what is told ----------------------------------------------------------------------------
  void read_event() {
    const Json event = watcher_.expect("presence");
    devices_.at(event["device"].as_string())
        .told.emplace_back(event["connected"].as_bool(), event["session"].as_int(),
                           event["reason"].is_null() ? "" : event["reason"].as_string());
  }
  bool is_all_told() const {
    return std::ranges::all_of(devices_, [](const auto& entry) {
      return entry.second.told.size() >= entry.second.expected.size();
    });
  }

  bool is_live(const std::string& id) const {
    return std::ranges::any_of(
        live_, [&id](const Live& live) { return live.is_device && live.subject == id; });
  }

  void check_presence() {
    std::map<std::string, Json> registry;
    for (const Json& device : http_.list("/v1/devices", 99)) {
      registry[device["id"].as_string()] = device;
    }
    std::size_t connected = 0;
    for (const auto& [id, device] : devices_) {
      CAPTURE(id);
      CHECK(device.told == device.expected);
      if (device.connects == 0) {
        CHECK(!registry.contains(id));
        continue;
      }
      REQUIRE(registry.contains(id));
      CHECK(registry[id]["session"] == device.connects);
      CHECK(registry[id]["connected"] == is_live(id));
      CHECK(registry[id]["disabled"] == device.is_disabled);
      if (is_live(id)) ++connected;
    }
    CHECK(http_.list("/v1/devices?connected=true", 7).size() == connected);
  }

  void check_logs() {
    std::map<std::string, Json> log;
    CHECK(eventually([&] {
      log.clear();
      for (const Json& row : http_.list("/v1/connection-logs")) {
        CHECK(log.emplace(row["connection"].as_string(), row).second);
      }
      return log.size() >= rows_.size();
    }));
    CHECK(log.size() == rows_.size());
    for (const auto& [connection, expected] : rows_) {
      CAPTURE(connection);
      const Json& row = log[connection];
      CHECK(row["code"] == expected.end.code);
      CHECK(row["reason"] == expected.end.reason);
      CHECK(row["kind"] == (expected.is_device ? "device" : "client"));
      CHECK(row["subject"] == expected.subject);
    }
  }

  void check_connections() {
    std::set<std::string> expected;
    for (const Live& live : live_) expected.insert(live.connection);
    std::set<std::string> listed;
    for (const Json& row : http_.list("/v1/connections", 13)) {
      if (row["subject"] != "watcher") {
        CHECK(listed.insert(row["connection"].as_string()).second);
      }
    }
    CHECK(listed == expected);
  }

  void check_metrics() {
    std::map<bool, int> live;
    std::map<bool, int> connects;
    std::map<int, int> ends;
    for (const Live& one : live_) {
      ++live[one.is_device];
      ++connects[one.is_device];
    }
    for (const auto& [connection, row] : rows_) {
      ++connects[row.is_device];
      ++ends[row.end.code];
    }
    CHECK(connects[true] + connects[false] == connects_);
    for (const bool is_device : {true, false}) {
      const std::string kind = fmt::format("{{kind=\"{}\"}}", is_device ? "device" : "client");
      // The watcher too.
      const int more = is_device ? 0 : 1;
      CHECK(metric(hub_, "fairlead_connections" + kind) == live[is_device] + more);
      CHECK(metric(hub_, "fairlead_connects_total" + kind) == connects[is_device] + more);
    }
    for (const auto& [code, count] : ends) {
      const std::string label = code == 1005 ? "other" : std::to_string(code);
      CHECK(metric(hub_, fmt::format("fairlead_connection_ends_total{{reason=\"{}\"}}", label)) ==
            count);
    }
    std::size_t known = 0;
    for (const auto& [id, device] : devices_) known += device.connects > 0 ? 1U : 0U;
    CHECK(metric(hub_, "fairlead_devices") == static_cast<double>(known));
  }

  std::mt19937 random_;
  HubProcess hub_{
      {.settings = {"runtime.shards=3", "limits.messages_per_second=100000", "limits.burst=100000",
                    "presence.heartbeat_ms=600000", "store.durability=normal"}}};
  WsClient watcher_;
  const HttpClient http_ = hub_.http();
  int connects_ = 0;
  bool is_takeover_ = false;
  std::map<std::string, Device> devices_;
  std::vector<Live> live_;
  std::deque<Live> replaced_;
  std::map<std::string, std::string> tokens_;
  /// Of the connections that ended.
  std::map<std::string, Row> rows_;
};

}  // namespace

TEST_CASE(
    "after 5000 connects and ends in random order registry, presence, logs, lists and counters "
    "are the truth") {
  const char* const seed = std::getenv("FAIRLEAD_CHURN_SEED");
  Churn churn(seed == nullptr ? 20 : static_cast<std::uint32_t>(std::strtoul(seed, nullptr, 10)));
  churn.play();
  churn.check();
}
