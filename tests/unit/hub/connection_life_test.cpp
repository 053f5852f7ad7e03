// How connections of devices begin and end while their beginning is still being stored.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "harness.h"

namespace fairlead::hub {
namespace {

using support::Json;
using support::obj;

/// A watcher of presence that has read all there was.
std::shared_ptr<Line> watcher_of(Harness& hub) {
  auto line = hub.client();
  hub.ask(*line, R"({"type":"subscribe","id":1,"devices":["*"],"events":["presence"]})");
  line->take();
  return line;
}

/// A device that has said who it is; nothing of it is stored.
std::shared_ptr<Line> opening(Harness& hub, const std::string& id) {
  auto line = hub.connect(hub.shard().home_of("t", id));
  hub.say(*line, obj("type", "auth", "token", hub.token(id, "device")).dump());
  return line;
}

std::size_t open_rows(Harness& hub, const std::string& subject) {
  return static_cast<std::size_t>(
      std::ranges::count_if(hub.disk().state().logs, [&subject](const auto& entry) {
        return entry.second.subject == subject && !entry.second.disconnected_at;
      }));
}

}  // namespace

TEST_CASE("a newcomer that leaves before it took over leaves the place to who has it") {
  Harness hub;
  const auto watcher = watcher_of(hub);
  const auto first = hub.device("d");
  CHECK(watcher->take().back()["session"] == 1);
  const auto second = opening(hub, "d");
  hub.hang_up(*second);
  hub.commit();
  CHECK(watcher->take().empty());
  CHECK_FALSE(first->closed.has_value());
  hub.hang_up(*first);
  hub.commit();
  const auto told = watcher->take();
  REQUIRE(told.size() == 1);
  CHECK(told[0]["connected"] == false);
  CHECK(told[0]["reason"] == "bye");
  CHECK(told[0]["session"] == 2);
  CHECK(hub.shard().gauges().connected_devices == 0);
}

TEST_CASE("one that ends while its beginning is being stored is told with its own cause") {
  Harness hub;
  const auto watcher = watcher_of(hub);
  const auto device = opening(hub, "d");
  hub.clock.advance(5);
  const std::int64_t last_seen = hub.clock.now_ms() - 5;
  hub.hang_up(*device);
  hub.clock.advance(5);
  hub.commit();
  const auto told = watcher->take();
  REQUIRE(told.size() == 2);
  CHECK(told[0]["connected"] == true);
  CHECK(told[1]["connected"] == false);
  CHECK(told[1]["session"] == 1);
  CHECK(told[1]["reason"] == "bye");
  CHECK(told[1]["last_seen"] == last_seen);
}

TEST_CASE("an end that is stored late is told with the time at which it happened") {
  Harness hub;
  const auto watcher = watcher_of(hub);
  const auto device = hub.device("d");
  watcher->take();
  hub.disk().set_broken(true);
  const std::int64_t at = hub.clock.now_ms();
  hub.hang_up(*device);
  hub.commit();
  hub.advance(3000);
  CHECK(watcher->take().empty());
  hub.disk().set_broken(false);
  hub.advance(3000);
  hub.commit();
  const auto told = watcher->take();
  REQUIRE(told.size() == 1);
  CHECK(told[0]["at"] == at);
}

TEST_CASE("last_seen is exact while connected, and stored once a minute and at the end") {
  Harness hub;
  const auto device = hub.device("d");
  const auto stored = [&hub] {
    return hub.disk().state().devices.begin()->second.device.last_seen.value_or(0);
  };
  std::int64_t before = stored();
  int writes = 0;
  for (int second = 0; second < 600; ++second) {
    hub.advance(1000);
    hub.ask(*device, R"({"type":"heartbeat"})");
    if (std::exchange(before, stored()) != before) ++writes;
    CHECK(hub.clock.now_ms() - before <= 121'000);
  }
  CHECK(writes >= 5);
  CHECK(writes <= 10);
  const auto client = hub.client();
  const Json& ack = hub.ask(*client, R"({"type":"subscribe","id":1,"devices":["d"]})");
  CHECK(ack["devices"][0]["last_seen"] == hub.clock.now_ms());
  const std::int64_t last_seen = hub.clock.now_ms();
  hub.advance(5000);
  hub.hang_up(*device);
  hub.commit();
  CHECK(stored() == last_seen);
}

TEST_CASE("who stays over its rate ends in one log row and one presence event with 4429") {
  Harness hub(1, {.messages_per_second = 10, .burst = 10});
  const auto watcher = watcher_of(hub);
  const auto device = hub.device("d");
  watcher->take();
  for (int i = 0; i < 2000 && !device->closed; ++i) {
    hub.say(*device, R"({"type":"heartbeat"})");
    hub.advance(10);
  }
  CHECK(device->closed == 4429);
  hub.hang_up(*device);
  hub.commit();
  const auto told = watcher->take();
  REQUIRE(told.size() == 1);
  CHECK(told[0]["reason"] == "over the rate");
  const auto& logs = hub.disk().state().logs;
  CHECK(std::ranges::count_if(logs, [](const auto& entry) {
          return entry.second.subject == "d" && entry.second.code == 4429;
        }) == 1);
  CHECK(open_rows(hub, "d") == 0);
}

TEST_CASE("a log row that could not be opened is opened later, while the connection lives") {
  Harness hub;
  hub.disk().fail_next(1);
  const auto client = hub.client();
  const auto gone = hub.client();
  REQUIRE(client->last()["type"] == "welcome");
  hub.disk().fail_next(1);
  const auto another = hub.client();
  hub.hang_up(*another);
  hub.commit();
  hub.advance(1010);
  hub.commit();
  CHECK(open_rows(hub, "app") == 2);
  CHECK(hub.disk().state().logs.size() == 3);
}

}  // namespace fairlead::hub
