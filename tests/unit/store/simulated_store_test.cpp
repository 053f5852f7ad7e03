#include "store/memory/simulated_store.h"

#include <doctest/doctest.h>

#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

hub::ConnectionLog ended(hub::ConnectionLog log) {
  log.disconnected_at = 2000;
  return log;
}

struct Simulation {
  HandClock clock;
  memory::Backend disk;
  memory::SimulatedStore store{disk, clock};
  Mail mail;
  std::unique_ptr<ShardStore> shard = store.attach(mail.post());
  std::vector<bool> heard;

  Completion<void> note() {
    return [this](Result<void> result) { heard.push_back(result.has_value()); };
  }
  void settle() {
    while (store.step_writer()) mail.deliver();
  }
  /// One write of each kind, most of them over something that is there.
  void write_all() {
    devices::Device changed = a_device(1);
    changed.about = devices::Description{.name = "changed"};
    shard->append(a_block(1, 3, 4), note());
    shard->save(changed, note());
    shard->save_presence(1, 9, 9, note());
    shard->save(a_device(3), note());
    shard->save(a_command("k-1", 1, 77), note());
    shard->open_log(a_log("c-2"), note());
    shard->close_log(ended(a_log("c-1")), note());
    shard->forget_logs(10'000'000, [](Result<bool>) {});
    shard->revoke({"default", "a", 0}, note());
    shard->forget_expired(1'000'000, note());
    shard->remove(2, note());
    // The memory fails after half of the writes: these let it get through all the above.
    for (std::int64_t i = 0; i < 10; ++i) shard->save_presence(1, i, i, note());
  }
};

}  // namespace

TEST_CASE("a commit that fails half-way leaves the memory as it was") {
  Simulation at;
  for (const protocol::DeviceKey key : {1, 2}) {
    at.shard->save(a_device(key), at.note());
    at.shard->append(a_block(key, 1, 2), at.note());
  }
  at.shard->save(a_command("k-1", 1, 10), at.note());
  at.shard->save(a_command("k-2", 2, 10), at.note());
  at.shard->open_log(a_log("c-1"), at.note());
  at.shard->revoke({"default", "a", 100}, at.note());
  at.settle();
  const memory::State before = at.disk.state();

  at.heard.clear();
  at.disk.fail_next(1);
  at.write_all();
  at.settle();
  CHECK(at.heard == std::vector<bool>(20, false));
  CHECK(at.store.health() == "store: disk I/O error");
  const memory::State& after = at.disk.state();
  CHECK(after.keys == before.keys);
  CHECK(after.last_key == before.last_key);
  CHECK(after.commands == before.commands);
  CHECK(after.logs == before.logs);
  CHECK(after.revocations == before.revocations);
  REQUIRE(after.devices.size() == before.devices.size());
  for (const auto& [key, rows] : before.devices) {
    CHECK(after.devices.at(key).device == rows.device);
    CHECK(after.devices.at(key).progress == rows.progress);
    CHECK(after.devices.at(key).samples == rows.samples);
  }

  at.heard.clear();
  at.write_all();
  at.settle();
  CHECK(at.heard == std::vector<bool>(20, true));
  CHECK(!at.store.health());
}

TEST_CASE("a broken disk fails commits and probes until it is mended") {
  Simulation at;
  at.disk.set_broken(true);
  at.shard->save(a_device(1), at.note());
  at.settle();
  at.store.probe();
  CHECK(at.store.health());
  at.disk.set_broken(false);
  at.store.probe();
  CHECK(!at.store.health());
  CHECK(at.heard == std::vector<bool>{false});
}

TEST_CASE("a crash forgets what was not committed, and nothing else") {
  Simulation at;
  at.shard->save(a_device(1), at.note());
  at.shard->open_log(a_log("c-1"), at.note());
  CHECK(at.store.step_writer());  // committed, not told
  at.shard->save(a_device(2), at.note());
  at.shard->find("k-1", [](auto) { FAIL("a crashed shard hears nothing"); });
  at.clock.now += 10;
  at.store.crash();
  CHECK(!at.store.step_writer());
  CHECK(!at.store.step_reader());
  at.mail.deliver();
  CHECK(at.heard.empty());
  const Result<Loaded> loaded = at.store.load();
  REQUIRE(loaded);
  CHECK(loaded->devices.size() == 1);
  CHECK(at.disk.state().logs.at("c-1").code == 1006);
  CHECK(at.disk.state().logs.at("c-1").disconnected_at == at.clock.now);

  at.shard = at.store.attach(at.mail.post());
  at.shard->save(a_device(2), at.note());
  at.settle();
  CHECK(at.heard == std::vector<bool>{true});
}

}  // namespace fairlead::store::test
