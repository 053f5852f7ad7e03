// What was acked or told of is stored, once, however often the hub is killed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>

#include "support/hub_process.h"
#include "support/postgres.h"

using namespace fairlead::support;

namespace {

constexpr int kDevices = 4;
constexpr int kMessages = 60;
constexpr int kPerMessage = 10;

int rounds(int otherwise) {
  const char* wanted = std::getenv("FAIRLEAD_KILL_ROUNDS");
  return wanted == nullptr ? otherwise : std::atoi(wanted);
}

/// A device that numbers its samples and goes on where the hub says that it is.
struct Sender {
  std::string id;
  std::optional<WsClient> line{};
  std::int64_t acked = 0;
  std::int64_t next = 1;

  void connect(const HubProcess& hub) {
    line.emplace(hub.port(), WsOptions{.token = hub.sign(Token::device(id))});
    const std::int64_t stored = line->expect("welcome")["telemetry"]["last_seq"].as_int();
    REQUIRE(stored >= acked);
    next = stored + 1;
  }
  void send() {
    Json::Array samples;
    for (int i = 0; i < kPerMessage; ++i, ++next) {
      // A minute apart, so that aggregates are made of them; every tenth is late.
      const std::int64_t ts = 60'000 * (next % 10 == 0 ? next / 2 : next);
      samples.push_back(obj("seq", next, "ts", ts, "metrics", obj("n", next)));
    }
    line->send(obj("type", "telemetry.batch", "id", next, "epoch", "e", "samples", samples));
  }
};

/// Every number from 1 to the last, once, in its place; and the aggregates count the same.
void check_stored(const HubProcess& hub, const Sender& sender) {
  const auto http = hub.http();
  const std::string path = fmt::format("/v1/devices/{}/telemetry", sender.id);
  std::vector<bool> seen;
  for (const Json& row : http.list(path, 1000)) {
    const auto n = static_cast<std::size_t>(row["metrics"]["n"].as_int());
    CHECK(row["offset"] == row["metrics"]["n"]);
    if (n >= seen.size()) seen.resize(n + 1);
    REQUIRE(!seen[n]);
    seen[n] = true;
  }
  REQUIRE(std::ranges::count(seen, true) == static_cast<std::ptrdiff_t>(seen.size()) - 1);
  REQUIRE(static_cast<std::int64_t>(seen.size()) - 1 >= sender.acked);
  std::int64_t counted = 0;
  for (const Json& hour : http.list(path + "?bucket_ms=3600000&aggregate=count", 1000)) {
    counted += hour["metrics"]["n"]["count"].as_int();
  }
  REQUIRE(counted == static_cast<std::int64_t>(seen.size()) - 1);
}

/// Kills the hub again and again, and looks what is there.
void kill_under_load(HubProcess& hub, int rounds) {
  std::mt19937 random(std::random_device{}());
  std::vector<Sender> senders;
  senders.reserve(kDevices);
  for (int i = 0; i < kDevices; ++i) senders.push_back({.id = fmt::format("boiler-{}", i)});
  for (int round = 0; round < rounds; ++round) {
    CAPTURE(round);
    for (Sender& sender : senders) sender.connect(hub);
    for (int i = 0; i < kMessages; ++i) {
      for (Sender& sender : senders) sender.send();
    }
    // With some acked, some on their way, some not read, and a segment half sealed or not.
    for (Sender& sender : senders) {
      const auto acks = static_cast<int>(random() % kMessages);
      for (int i = 0; i < acks; ++i) {
        sender.acked = sender.line->expect("ack")["last_seq"].as_int();
      }
    }
    hub.restart();
    for (const Sender& sender : senders) check_stored(hub, sender);
  }
  CHECK(hub.stop() == 0);
}

}  // namespace

TEST_CASE("a hub that is killed under load has stored what it acked, once, in segments too") {
  HubProcess hub({.settings = {"store.segment_rows=250", "limits.burst=100000",
                               "limits.messages_per_second=100000"}});
  kill_under_load(hub, rounds(5));
  const Finished checked = run_fairlead({"check", "--data", hub.data().string()});
  CHECK_MESSAGE(checked.code == 0, checked.out);
}

TEST_CASE("a hub that is killed under load has stored what it acked on PostgreSQL, once") {
  const PostgresDatabase database;
  HubProcess hub({.settings = {"store.url=" + database.url(), "store.auto_migrate=true",
                               "limits.burst=100000", "limits.messages_per_second=100000"}});
  kill_under_load(hub, rounds(2));
}
