#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unit/store/postgres_world.h"
#include "unit/store/world.h"

namespace fairlead::store::test {

#define EVERY_STORE MemoryWorld, SqliteWorld, SegmentedWorld, PostgresWorld

TEST_CASE_TEMPLATE("durable subscriptions are loaded as they were saved last, without the removed",
                   World, EVERY_STORE) {
  World world;
  std::optional<Shard<World>> shard(std::in_place, world);
  const auto save = [&](hub::DurableSubscription kept) {
    return shard->stores(
        [&](auto done) { shard->store().save_subscription(std::move(kept), std::move(done)); });
  };
  const auto remove = [&](std::string tenant, std::string subject, std::string name) {
    return shard->stores([&](auto done) {
      shard->store().remove_subscription(tenant, subject, name, std::move(done));
    });
  };
  const hub::DurableSubscription board{.tenant = "default",
                                       .subject = "app",
                                       .name = "board",
                                       .definition = R"({"devices":["a\u00e9*"]})",
                                       .used_at = 7};
  hub::DurableSubscription other = board;
  other.tenant = "other";
  hub::DurableSubscription second = board;
  second.name = "Board é";
  REQUIRE(save(board));
  REQUIRE(save(other));
  REQUIRE(save(second));
  REQUIRE(save({"default", "app", "gone", "{}", 1}));
  REQUIRE(remove("default", "app", "gone"));
  CHECK(remove("default", "app", "gone"));
  hub::DurableSubscription replaced = board;
  replaced.definition = R"({"devices":["*"]})";
  replaced.used_at = 9;
  REQUIRE(save(replaced));
  using All = std::vector<hub::DurableSubscription>;
  CHECK(world.load()->subscriptions == All{second, replaced, other});
  shard.reset();
  world.reopen();
  CHECK(world.load()->subscriptions == All{second, replaced, other});
}

}  // namespace fairlead::store::test
