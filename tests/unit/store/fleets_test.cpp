// What every store does with commands to many.
#include <doctest/doctest.h>

#include "base/id.h"
#include "store/fleet_members.h"
#include "unit/store/postgres_world.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

using commands::FleetMembers;
using commands::FleetState;
using commands::State;

commands::Fleet a_fleet(std::string id, std::int64_t issued_at = 1'000) {
  commands::Fleet fleet;
  fleet.id = std::move(id);
  fleet.tenant = "default";
  fleet.issued_by = "app";
  fleet.issued_at = issued_at;
  fleet.name = "reboot";
  fleet.timeout_ms = 10'000;
  fleet.max_in_flight = 100;
  fleet.members = std::make_shared<const FleetMembers>(FleetMembers{{"a", 1}, {"b/2", 2}});
  fleet.progress.counts.waiting = 2;
  return fleet;
}

bool is_same(const commands::Fleet& one, const commands::Fleet& other) {
  return one.id == other.id && one.tenant == other.tenant && one.issued_by == other.issued_by &&
         one.issued_at == other.issued_at && one.name == other.name && one.params == other.params &&
         one.timeout_ms == other.timeout_ms && one.is_queued == other.is_queued &&
         one.max_in_flight == other.max_in_flight &&
         one.stop_after_failures == other.stop_after_failures &&
         one.idempotency_key == other.idempotency_key && *one.members == *other.members &&
         one.progress == other.progress;
}

template <typename World>
struct Fixture {
  World world;
  std::optional<Shard<World>> shard{std::in_place, world};

  bool create(const commands::Fleet& fleet) {
    return shard->stores([&](auto done) { shard->store().create_fleet(fleet, std::move(done)); });
  }
  bool update(const std::string& id, commands::FleetProgress progress) {
    return shard->stores(
        [&](auto done) { shard->store().update_fleet(id, progress, std::move(done)); });
  }
  std::optional<commands::Fleet> find(std::string id) {
    return *shard->template wait<std::optional<commands::Fleet>>(
        [&](auto done) { shard->store().find_fleet(id, std::move(done)); });
  }
  void save(devices::Device device) {
    REQUIRE(
        shard->stores([&](auto done) { shard->store().save(std::move(device), std::move(done)); }));
  }
  void save(commands::Command command) {
    REQUIRE(shard->stores(
        [&](auto done) { shard->store().save(std::move(command), std::move(done)); }));
  }
  void remove(protocol::DeviceKey key) {
    REQUIRE(shard->stores([&](auto done) { shard->store().remove(key, std::move(done)); }));
  }
  Loaded load() {
    shard.reset();
    world.reopen();
    shard.emplace(world);
    return *world.load();
  }
};

commands::Command a_part(std::string id, protocol::DeviceKey device, State state) {
  commands::Command command = a_command(std::move(id), device, 1'000);
  command.state = state;
  command.fleet = "f-1";
  return command;
}

}  // namespace

#define EVERY_STORE MemoryWorld, SqliteWorld, PostgresWorld

TEST_CASE_TEMPLATE("a fleet is found as it was created, every member", World, EVERY_STORE) {
  Fixture<World> at;
  commands::Fleet fleet = a_fleet("f-1");
  fleet.params = R"({"hard":true})";
  fleet.is_queued = true;
  fleet.stop_after_failures = 7;
  fleet.idempotency_key = "once";
  REQUIRE(at.create(fleet));
  REQUIRE(at.create(a_fleet("f-2")));
  CHECK(is_same(*at.find("f-1"), fleet));
  CHECK(is_same(*at.find("f-2"), a_fleet("f-2")));
  CHECK(!at.find("f-3"));
  CHECK(!at.create(fleet));
}

TEST_CASE_TEMPLATE("an update changes the progress only", World, EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.create(a_fleet("f-1")));
  commands::Fleet wanted = a_fleet("f-1");
  wanted.progress = {
      .state = FleetState::kStopped, .is_cancelled = true, .is_settled = true, .counts = {}};
  wanted.progress.counts.waiting = 3;
  wanted.progress.counts.of(State::kExecuted) = 4;
  wanted.progress.counts.of(State::kFailed) = 5;
  wanted.progress.counts.of(State::kExpired) = 6;
  wanted.progress.counts.of(State::kCancelled) = 7;
  REQUIRE(at.update("f-1", wanted.progress));
  REQUIRE(at.update("f-9", wanted.progress));
  CHECK(is_same(*at.find("f-1"), wanted));
  CHECK(!at.find("f-9"));
}

TEST_CASE_TEMPLATE("unsettled fleets are loaded with where their members stand", World,
                   EVERY_STORE) {
  Fixture<World> at;
  for (const protocol::DeviceKey key : {1, 2, 3}) at.save(a_device(key));
  commands::Fleet fleet = a_fleet("f-1");
  fleet.members =
      std::make_shared<const FleetMembers>(FleetMembers{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}});
  REQUIRE(at.create(fleet));
  REQUIRE(at.create(a_fleet("f-2")));
  REQUIRE(at.update("f-2", {.state = FleetState::kDone, .is_settled = true, .counts = {}}));
  at.save(a_part("k-1", 1, State::kExecuted));
  at.save(a_part("k-2", 2, State::kAccepted));
  at.remove(2);
  Loaded loaded = at.load();
  REQUIRE(loaded.fleets.size() == 1);
  CHECK(is_same(loaded.fleets[0].fleet, fleet));
  auto& members = loaded.fleets[0].members;
  std::ranges::sort(members);
  using Places = std::vector<std::pair<protocol::DeviceKey, State>>;
  CHECK(members == Places{{1, State::kExecuted}, {2, State::kCancelled}, {4, State::kCancelled}});
}

TEST_CASE_TEMPLATE("the keys of fleets of the last day are loaded, newest first", World,
                   EVERY_STORE) {
  Fixture<World> at;
  const std::int64_t now = at.world.clock.now;
  const auto issue = [&](std::string id, std::int64_t issued_at, std::string key) {
    commands::Fleet fleet = a_fleet(std::move(id), issued_at);
    fleet.idempotency_key = std::move(key);
    REQUIRE(at.create(fleet));
  };
  issue("f-0", now - kIdempotencyMs, "long ago");
  issue("f-1", now - 9, "first");
  issue("f-2", now - 5, "second");
  REQUIRE(at.create(a_fleet("f-3", now)));
  CHECK(at.load().fleet_keys ==
        std::vector<IdempotencyKey>{{"default", "app", "second", "f-2", now - 5},
                                    {"default", "app", "first", "f-1", now - 9}});
}

TEST_CASE_TEMPLATE("old finished commands go in bounded steps, settled fleets too", World,
                   EVERY_STORE) {
  Fixture<World> at;
  at.save(a_device(1));
  const std::int64_t day = at.world.clock.now;
  const auto id = [](char kind, std::int64_t ms, std::uint64_t number) {
    return Ulid(ms, 0, number).text(kind);
  };
  const auto issue = [&](std::int64_t ms, std::uint64_t number, State state) {
    commands::Command command = a_command(id('k', ms, number), 1, ms);
    command.state = state;
    at.shard->store().save(std::move(command), [](const Result<void>& done) { CHECK(done); });
  };
  for (std::uint64_t i = 0; i < kMaxForgottenCommands + 5; ++i) {
    issue(day - 1, i, i % 2 == 0 ? State::kExecuted : State::kExpired);
  }
  issue(day - 2, 0, State::kAccepted);
  issue(day, 0, State::kFailed);
  at.shard->settle();
  commands::Fleet old = a_fleet(id('f', day - 1, 0));
  old.progress.is_settled = true;
  commands::Fleet young = a_fleet(id('f', day, 0));
  young.progress.is_settled = true;
  const commands::Fleet running = a_fleet(id('f', day - 1, 1));
  for (const auto& fleet : {old, young, running}) REQUIRE(at.create(fleet));
  const auto forget = [&] {
    return *at.shard->template wait<bool>(
        [&](auto done) { at.shard->store().forget_commands(day, std::move(done)); });
  };
  CHECK(forget());
  CHECK(!at.find(old.id));
  CHECK(at.find(young.id));
  CHECK(at.find(running.id));
  CHECK(!forget());
  commands::ListQuery all;
  all.device = 1;
  const auto left = *at.shard->template wait<std::vector<commands::Command>>(
      [&](auto done) { at.shard->store().list(all, std::move(done)); });
  REQUIRE(left.size() == 2);
  CHECK(left[0].state == State::kFailed);
  CHECK(left[1].state == State::kAccepted);
}

TEST_CASE("members that are no members are refused") {
  CHECK(decode_members("")->empty());
  CHECK(*decode_members("1 a\n22 b:c\n") == FleetMembers{{"a", 1}, {"b:c", 22}});
  for (const char* bad : {"1 a", "a 1\n", "1a\n", "1 \n", "1\n", "\n", "1 a\n2"}) {
    CAPTURE(bad);
    CHECK(!decode_members(bad));
  }
}

}  // namespace fairlead::store::test
