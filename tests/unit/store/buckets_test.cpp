// History in buckets, whatever the store is made of.
#include <doctest/doctest.h>

#include "unit/store/postgres_world.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

using Times = std::vector<std::int64_t>;

}  // namespace

TEST_CASE_TEMPLATE("samples are folded into buckets, in pages, both ways", World, MemoryWorld,
                   SqliteWorld, SegmentedWorld, PostgresWorld) {
  World world;
  Shard<World> shard(world);
  REQUIRE(shard.stores([&](auto done) { shard.store().save(a_device(1), std::move(done)); }));
  Batch batch = a_batch(1, 1, 6);
  const std::vector<std::int64_t> times = {0, 59'999, 60'000, 3'600'000, 60'001, 7'200'000};
  for (std::size_t i = 0; i < times.size(); ++i) batch.samples[i].ts = times[i];
  batch.samples[5].metrics = R"({"mode":"eco","open":true})";
  REQUIRE(shard.stores([&](auto done) { shard.store().append(block_of(batch), std::move(done)); }));
  const auto read = [&](telemetry::BucketRange range) {
    range.device = 1;
    return *shard.template wait<telemetry::BucketPage>(
        [&](auto done) { shard.store().read_buckets(range, std::move(done)); });
  };
  const auto begins = [&](const telemetry::BucketPage& page) {
    std::vector<std::int64_t> found;
    found.reserve(page.buckets.size());
    for (const telemetry::Bucket& bucket : page.buckets) found.push_back(bucket.ts);
    return found;
  };
  telemetry::BucketPage page = read({.bucket_ms = 60'000, .limit = 3});
  CHECK(begins(page) == Times{0, 60'000, 3'600'000});
  CHECK(page.has_more);
  telemetry::Aggregate& minute = page.buckets[1].of("temperature");
  CHECK(minute.count == 2);
  CHECK(minute.sum == 8);
  CHECK(minute.min_json == "3");
  CHECK(minute.last == "5");
  page = read({.bucket_ms = 60'000, .after = 3'600'000, .limit = 3});
  CHECK(begins(page) == Times{7'200'000});
  CHECK(!page.has_more);
  CHECK(page.buckets[0].of("open").numbers == 1);
  CHECK(page.buckets[0].of("mode").numbers == 0);
  CHECK(begins(read({.bucket_ms = 3'600'000, .is_descending = true})) ==
        Times{7'200'000, 3'600'000, 0});
  CHECK(begins(read({.from_ts = 1, .to_ts = 60'001, .bucket_ms = 60'000})) == Times{0, 60'000});
  CHECK(begins(read({.bucket_ms = 60'000, .metrics = {"mode"}})) == Times{7'200'000});
}

}  // namespace fairlead::store::test
