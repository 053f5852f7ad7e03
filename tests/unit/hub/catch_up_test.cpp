#include "hub/catch_up.h"

#include <fmt/format.h>

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"

namespace fairlead::hub {
namespace {

using Offsets = std::vector<std::int64_t>;

std::string batch(std::uint64_t samples) {
  std::string list;
  for (std::uint64_t i = 0; i < samples; ++i) {
    list += fmt::format(R"({}{{"metrics":{{"a":{},"b":1}}}})", i == 0 ? "" : ",", i);
  }
  return R"({"type":"telemetry.batch","samples":[)" + list + "]}";
}

std::string subscribe_after(std::int64_t offset, const std::string& more = "") {
  return fmt::format(R"({{"type":"subscribe","id":1,"devices":["*"],"after":{{"d":{}}}{}}})",
                     offset, more);
}

/// Of the telemetry that came since the last call.
Offsets told(Line& line) {
  Offsets offsets;
  for (const support::Json& message : line.take()) {
    if (message["type"] == "telemetry") offsets.push_back(message["offset"].as_int());
  }
  return offsets;
}

Offsets from_to(std::int64_t first, std::int64_t last) {
  Offsets offsets(static_cast<std::size_t>(last - first + 1));
  std::iota(offsets.begin(), offsets.end(), first);
  return offsets;
}

}  // namespace

TEST_CASE("a replay that reads what is committed and not yet told does not repeat it") {
  std::string more;
  Offsets live = from_to(4, 9);
  SUBCASE("whole samples") {}
  SUBCASE("some metrics") { more = R"(,"metrics":["a"])"; }
  SUBCASE("now and then") {
    more = R"(,"min_interval_ms":50)";
    live = {4, 9};
  }
  for (const std::size_t shards : {1U, 2U}) {
    Harness hub(shards);
    const auto device = hub.device("d");
    hub.ask(*device, batch(3));
    const auto client = hub.client(auth::Scopes::all(), shards - 1);
    const auto witness = hub.client();
    hub.ask(*witness, R"({"type":"subscribe","id":1,"devices":["*"]})");
    hub.say(*device, batch(6));
    hub.say(*client, subscribe_after(1, more));
    hub.commit_untold();
    hub.read();
    hub.tell_commits();
    hub.commit();
    hub.advance(100);
    Offsets expected = from_to(2, 3);
    expected.insert(expected.end(), live.begin(), live.end());
    CHECK(told(*client) == expected);
    CHECK(told(*witness) == from_to(4, 9));
  }
}

TEST_CASE("whatever the order of commits, reads and mail, a replay meets the live samples") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    Harness hub(1 + random.below(2));
    const auto device = hub.device("d");
    std::int64_t sent = 0;
    /// Who watches, and behind which offset.
    std::vector<std::pair<std::shared_ptr<Line>, std::int64_t>> watchers;
    for (int step = 0; step < 60; ++step) {
      switch (random.below(6)) {
        case 0: {
          const std::uint64_t samples = 1 + random.below(random.below(8) == 0 ? 300 : 7);
          sent += static_cast<std::int64_t>(samples);
          hub.say(*device, batch(samples));
          break;
        }
        case 1: {
          // What a client has seen was told.
          hub.commit();
          hub.tell_commits();
          const auto after =
              static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(sent) + 1));
          watchers.emplace_back(hub.client(), after);
          if (random.below(2) == 0) {
            hub.say(*device, batch(3));
            sent += 3;
          }
          hub.say(*watchers.back().first, subscribe_after(after));
          break;
        }
        case 2:
          hub.commit_untold();
          break;
        case 3:
          hub.tell_commits();
          break;
        case 4:
          hub.read();
          break;
        default:
          hub.run();
      }
    }
    hub.tell_commits();
    hub.commit();
    for (const auto& [line, after] : watchers) CHECK(told(*line) == from_to(after + 1, sent));
  }
}

TEST_CASE("thousands of devices without anything to replay go over to live in one step") {
  Harness hub;
  std::string after;
  for (int i = 0; i < 5000; ++i) {
    const std::string id = fmt::format("d{}", i);
    REQUIRE(hub.shard().home().find_or_add("t", id));
    after += fmt::format(R"({}"{}":0)", i == 0 ? "" : ",", id);
  }
  const auto client = hub.client();
  hub.ask(*client, R"({"type":"subscribe","id":1,"devices":["*"],"after":{)" + after + "}}");
  const auto device = hub.device("d7");
  client->take();
  hub.ask(*device, batch(2));
  CHECK(told(*client) == from_to(1, 2));
}

}  // namespace fairlead::hub
