// What every store does behind the ports, whatever it is made of.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "unit/store/postgres_world.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

using Offsets = std::vector<std::int64_t>;
constexpr auto kSoon = 1'764'000'000'000;

telemetry::Range a_range(std::int64_t from = 0, std::int64_t to = 1'000'000) {
  telemetry::Range range;
  range.device = 1;
  range.from_ts = from;
  range.to_ts = to;
  return range;
}

telemetry::Range descending(telemetry::Range range) {
  range.is_descending = true;
  return range;
}

telemetry::Range limited(telemetry::Range range, std::size_t limit) {
  range.limit = limit;
  return range;
}

telemetry::Range behind(telemetry::Range range, telemetry::Position place) {
  range.after = place;
  return range;
}

/// Of device 1.
commands::ListQuery a_list(std::size_t limit = 100) {
  commands::ListQuery query;
  query.device = 1;
  query.limit = limit;
  return query;
}

commands::ListQuery behind(commands::ListQuery query, std::int64_t issued_at, std::string id) {
  query.before_issued_at = issued_at;
  query.before_id = std::move(id);
  return query;
}

commands::ListQuery in(commands::ListQuery query, commands::State state) {
  query.state = state;
  return query;
}

hub::LogQuery all_logs() {
  hub::LogQuery query;
  query.tenant = "default";
  return query;
}

template <typename World>
struct Fixture {
  World world;
  std::optional<Shard<World>> shard{std::in_place, world};

  bool save(devices::Device device) {
    return shard->stores(
        [&](auto done) { shard->store().save(std::move(device), std::move(done)); });
  }
  bool save(commands::Command command) {
    return shard->stores(
        [&](auto done) { shard->store().save(std::move(command), std::move(done)); });
  }
  bool append(const Batch& batch) {
    return shard->stores(
        [&](auto done) { shard->store().append(block_of(batch), std::move(done)); });
  }
  telemetry::Page read(telemetry::Range range) {
    return *shard->template wait<telemetry::Page>(
        [&](auto done) { shard->store().read(range, std::move(done)); });
  }
  telemetry::Page read_from(protocol::DeviceKey device, std::int64_t offset, std::size_t limit) {
    return *shard->template wait<telemetry::Page>(
        [&](auto done) { shard->store().read_from(device, offset, limit, std::move(done)); });
  }
  std::int64_t first_since(protocol::DeviceKey device, std::int64_t since) {
    return *shard->template wait<std::int64_t>(
        [&](auto done) { shard->store().first_since(device, since, std::move(done)); });
  }
  std::optional<commands::Command> find(std::string id) {
    return *shard->template wait<std::optional<commands::Command>>(
        [&](auto done) { shard->store().find(id, std::move(done)); });
  }
  std::vector<std::string> list(commands::ListQuery query) {
    std::vector<std::string> ids;
    const auto found = shard->template wait<std::vector<commands::Command>>(
        [&](auto done) { shard->store().list(query, std::move(done)); });
    for (const auto& command : *found) ids.push_back(command.id);
    return ids;
  }
  std::vector<hub::ConnectionLog> list_logs(hub::LogQuery query) {
    return *shard->template wait<std::vector<hub::ConnectionLog>>(
        [&](auto done) { shard->store().list_logs(query, std::move(done)); });
  }
  bool close_log(hub::ConnectionLog log, std::int64_t at) {
    log.disconnected_at = at;
    log.code = 1000;
    log.reason = "closed with 1000";
    return shard->stores([&](auto done) { shard->store().close_log(log, std::move(done)); });
  }
  bool revoke(std::string jti, std::int64_t expires_at) {
    return shard->stores(
        [&](auto done) { shard->store().revoke({"default", jti, expires_at}, std::move(done)); });
  }
  void reopen() {
    shard.reset();
    world.reopen();
    shard.emplace(world);
  }
};

}  // namespace

#define EVERY_STORE MemoryWorld, SqliteWorld, SegmentedWorld, PostgresWorld

TEST_CASE_TEMPLATE("a device is loaded as it was saved, every member", World, EVERY_STORE) {
  Fixture<World> at;
  devices::Device full = a_device(1, "boiler/7");
  full.about = devices::Description{.name = "Boiler",
                                    .device_type = "boiler",
                                    .firmware = "",
                                    .capabilities = R"({"metrics":{}})",
                                    .metadata = R"({"ort":"Küche"})",
                                    .status = "warning",
                                    .status_detail = "hot"};
  full.session = 17;
  full.last_seen = 1'764'000'000'123;
  full.disabled = true;
  const devices::Device bare = a_device(2);
  REQUIRE(at.save(full));
  REQUIRE(at.save(bare));
  at.reopen();
  const Loaded loaded = *at.world.load();
  REQUIRE(loaded.devices.size() == 2);
  CHECK(loaded.devices[0].device == full);
  CHECK(loaded.devices[1].device == bare);
  CHECK(loaded.devices[1].progress == telemetry::Progress{});
  CHECK(loaded.devices[1].latest.is_empty());
}

TEST_CASE_TEMPLATE("saving a device again replaces the whole entry and keeps its samples", World,
                   EVERY_STORE) {
  Fixture<World> at;
  devices::Device device = a_device(1);
  device.about = devices::Description{.name = "old"};
  REQUIRE(at.save(device));
  REQUIRE(at.append(a_batch(1, 1, 2)));
  device.about = {};
  device.updated_at = 9;
  REQUIRE(at.save(device));
  CHECK(at.world.load()->devices.at(0).device == device);
  CHECK(offsets_of(at.read_from(1, 1, 10)) == Offsets{1, 2});
}

TEST_CASE_TEMPLATE("presence changes session and last_seen only", World, EVERY_STORE) {
  Fixture<World> at;
  devices::Device device = a_device(1);
  device.about = devices::Description{.name = "Boiler"};
  REQUIRE(at.save(device));
  CHECK(at.shard->stores(
      [&](auto done) { at.shard->store().save_presence(1, 3, 777, std::move(done)); }));
  // Of a device that is gone meanwhile: nothing to do, and no failure.
  CHECK(at.shard->stores(
      [&](auto done) { at.shard->store().save_presence(99, 1, 1, std::move(done)); }));
  device.session = 3;
  device.last_seen = 777;
  CHECK(at.world.load()->devices.at(0).device == device);
}

TEST_CASE_TEMPLATE("removing a device takes its telemetry and commands, not its neighbour's", World,
                   EVERY_STORE) {
  Fixture<World> at;
  for (const protocol::DeviceKey key : {1, 2}) {
    REQUIRE(at.save(a_device(key)));
    REQUIRE(at.append(a_batch(key, 1, 3)));
    REQUIRE(at.save(a_command(fmt::format("k-{}", key), key, kSoon)));
  }
  CHECK(at.shard->stores([&](auto done) { at.shard->store().remove(2, std::move(done)); }));
  CHECK(at.read_from(2, 1, 10).samples.empty());
  CHECK(!at.find("k-2"));
  CHECK(at.find("k-1"));
  CHECK(offsets_of(at.read_from(1, 1, 10)) == Offsets{1, 2, 3});
  at.reopen();
  const Loaded loaded = *at.world.load();
  CHECK(loaded.devices.size() == 1);
  CHECK(loaded.last_key == 2);
  // The id is free again, under a new key that begins at offset 1.
  CHECK(at.save(a_device(3, "device-2")));
  CHECK(at.append(a_batch(3, 1, 1)));
}

TEST_CASE_TEMPLATE("a device removed behind its own samples in one commit leaves nothing", World,
                   EVERY_STORE) {
  Fixture<World> at;
  std::vector<bool> stored;
  const auto note = [&stored](Result<void> result) { stored.push_back(result.has_value()); };
  at.shard->store().save(a_device(1), note);
  at.shard->store().append(a_block(1, 1, 3), note);
  at.shard->store().remove(1, note);
  at.shard->settle();
  CHECK(stored == std::vector<bool>{true, true, true});
  CHECK(at.world.load()->devices.empty());
}

TEST_CASE_TEMPLATE("telemetry of an unknown device is refused, and the store goes on", World,
                   EVERY_STORE) {
  Fixture<World> at;
  CHECK(!at.append(a_batch(5, 1, 1)));
  CHECK(!at.save(a_command("k-1", 5, kSoon)));
  CHECK(at.save(a_device(5)));
  CHECK(at.append(a_batch(5, 1, 1)));
}

TEST_CASE_TEMPLATE(
    "progress is that of the last batch, and latest folds what is above its checkpoint", World,
    EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  Batch first = a_batch(1, 1, 2);
  first.samples[0].metrics = R"({"a":1,"b":"x"})";
  first.samples[1].metrics = R"({"a":2})";
  telemetry::Latest known;
  known.fold(1000, 1, R"({"a":1,"b":"x"})");
  known.write_checkpoint(first.latest_checkpoint.emplace());
  REQUIRE(at.append(first));
  Batch second = a_batch(1, 3, 3);
  second.samples[0].metrics = R"({"c":true})";
  second.after.epoch = "b2";
  second.after.last_seq = 1;
  REQUIRE(at.append(second));
  at.reopen();
  const Loaded loaded = *at.world.load();
  CHECK(loaded.devices.at(0).progress == second.after);
  std::string latest;
  loaded.devices.at(0).latest.write_json(latest);
  CHECK(latest ==
        R"({"a":{"value":2,"ts":2000},"b":{"value":"x","ts":1000},"c":{"value":true,"ts":3000}})");
  CHECK(loaded.devices.at(0).latest.offset() == 3);
}

TEST_CASE_TEMPLATE("a commit that breaks a constraint leaves nothing of its other writes", World,
                   EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  REQUIRE(at.save(a_device(2)));
  std::vector<bool> stored;
  const auto note = [&stored](Result<void> result) { stored.push_back(result.has_value()); };
  at.shard->store().append(a_block(1, 1, 3), note);
  at.shard->store().save_presence(1, 5, 5, note);
  at.shard->store().save(a_command("k-1", 99, kSoon), note);
  at.shard->settle();
  CHECK(stored == std::vector<bool>{false, false, false});
  CHECK(at.append(a_batch(2, 1, 2)));
  const Result<Loaded> loaded = at.world.load();
  REQUIRE(loaded);
  CHECK(loaded->devices.at(0).progress == telemetry::Progress{});
  CHECK(loaded->devices.at(0).device == a_device(1));
  CHECK(loaded->devices.at(1).progress.offset == 2);
  CHECK(at.read_from(1, 1, 10).samples.empty());
  CHECK(at.append(a_batch(1, 1, 1)));
}

TEST_CASE_TEMPLATE("a checkpoint that cannot be read is made again from the samples", World,
                   EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  Batch batch = a_batch(1, 1, 2);
  batch.latest_checkpoint = "no checkpoint";
  REQUIRE(at.append(batch));
  std::string latest;
  at.world.load()->devices.at(0).latest.write_json(latest);
  CHECK(latest == R"({"temperature":{"value":2,"ts":2000}})");
}

TEST_CASE_TEMPLATE("history runs by (ts, offset), both ways, with cursors and bounds", World,
                   EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  REQUIRE(at.save(a_device(2)));
  Batch batch = a_batch(1, 1, 6);
  const Offsets times = {50, 10, 30, 30, 0, 60};
  for (std::size_t i = 0; i < times.size(); ++i) batch.samples[i].ts = times[i];
  REQUIRE(at.append(batch));
  REQUIRE(at.append(a_batch(2, 1, 3)));

  CHECK(offsets_of(at.read(a_range())) == Offsets{5, 2, 3, 4, 1, 6});
  CHECK(offsets_of(at.read(descending(a_range()))) == Offsets{6, 1, 4, 3, 2, 5});
  CHECK(offsets_of(at.read(a_range(10, 50))) == Offsets{2, 3, 4});
  CHECK(offsets_of(at.read(descending(a_range(10, 50)))) == Offsets{4, 3, 2});

  const telemetry::Range pages = limited(a_range(10), 2);
  const auto end_of = [](const telemetry::Page& page) {
    return telemetry::Position{page.samples.back().ts, page.samples.back().offset};
  };
  telemetry::Page page = at.read(pages);
  CHECK(offsets_of(page) == Offsets{2, 3});
  CHECK(page.has_more);
  page = at.read(behind(pages, end_of(page)));
  CHECK(offsets_of(page) == Offsets{4, 1});
  CHECK(page.has_more);
  page = at.read(behind(pages, end_of(page)));
  CHECK(offsets_of(page) == Offsets{6});
  CHECK(!page.has_more);

  page = at.read(behind(descending(limited(a_range(), 2)), {30, 4}));
  CHECK(offsets_of(page) == Offsets{3, 2});
  CHECK(page.has_more);
  // A cursor outside the range changes nothing.
  CHECK(offsets_of(at.read(behind(a_range(10, 50), {5, 99}))) == Offsets{2, 3, 4});
  CHECK(offsets_of(at.read(behind(descending(a_range(10, 50)), {70, 1}))) == Offsets{4, 3, 2});
}

TEST_CASE_TEMPLATE("a sample comes back byte for byte", World, EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  Batch batch = a_batch(1, 1, 1);
  batch.samples[0].metrics = "{ \"größe\" : 1.50e0 ,\t\"t\":\"\\u0000\" }";
  const telemetry::Sample sample = batch.samples[0];
  REQUIRE(at.append(batch));
  CHECK(at.read_from(1, 1, 1).samples == std::vector{sample});
}

TEST_CASE_TEMPLATE("a page is cut at its bytes, but never before its first row", World,
                   EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  Batch batch = a_batch(1, 1, 4);
  for (const std::size_t i : {0U, 1U})
    batch.samples[i].metrics = std::string(kMaxPageBytes / 2, 'x');
  batch.samples[2].metrics = std::string(kMaxPageBytes + 1, 'x');
  REQUIRE(at.append(batch));
  telemetry::Page page = at.read_from(1, 1, 10);
  CHECK(offsets_of(page) == Offsets{1, 2});
  CHECK(page.has_more);
  page = at.read_from(1, 3, 10);
  CHECK(offsets_of(page) == Offsets{3});
  CHECK(page.has_more);
  page = at.read_from(1, 4, 10);
  CHECK(offsets_of(page) == Offsets{4});
  CHECK(!page.has_more);
  page = at.read_from(1, 4, 0);
  CHECK(page.samples.empty());
  CHECK(page.has_more);
}

TEST_CASE_TEMPLATE("first_since finds the first arrival at or after a time", World, EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  CHECK(at.first_since(1, 0) == 0);
  Batch batch = a_batch(1, 1, 100);
  for (std::size_t i = 0; i < 100; ++i) {
    batch.samples[i].at = 10 * static_cast<std::int64_t>(i / 2);  // each time twice
  }
  REQUIRE(at.append(batch));
  CHECK(at.first_since(1, -5) == 1);
  CHECK(at.first_since(1, 0) == 1);
  CHECK(at.first_since(1, 1) == 3);
  CHECK(at.first_since(1, 10) == 3);
  CHECK(at.first_since(1, 490) == 99);
  CHECK(at.first_since(1, 491) == 0);
}

TEST_CASE_TEMPLATE("a command is found as it was saved last, every member", World, EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  commands::Command command = a_command("k-1", 1, kSoon);
  REQUIRE(at.save(command));
  CHECK(at.find("k-1") == command);
  command.params = R"({"celsius":21})";
  command.state = commands::State::kExecuted;
  command.result = "null";
  command.error = R"({"code":"x","message":"y"})";
  command.late_result = R"({"status":"executed"})";
  command.is_queued = true;
  command.attempt = 2;
  command.idempotency_key = "once";
  command.fleet = "f-1";
  command.history = {{commands::State::kPending, 1},
                     {commands::State::kDelivered, 2},
                     {commands::State::kExecuted, 3}};
  REQUIRE(at.save(command));
  CHECK(at.find("k-1") == command);
  command.history.clear();
  REQUIRE(at.save(command));
  CHECK(at.find("k-1") == command);
  CHECK(!at.find("k-2"));
}

TEST_CASE_TEMPLATE("commands are listed newest first, by state, in pages", World, EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  REQUIRE(at.save(a_device(2)));
  const auto issue = [&](std::string id, std::int64_t issued_at, commands::State state) {
    commands::Command command = a_command(std::move(id), 1, issued_at);
    command.state = state;
    REQUIRE(at.save(command));
  };
  issue("a", 10, commands::State::kPending);
  issue("b", 20, commands::State::kFailed);
  issue("c", 20, commands::State::kPending);
  issue("d", 30, commands::State::kPending);
  REQUIRE(at.save(a_command("other", 2, 25)));
  using Ids = std::vector<std::string>;
  CHECK(at.list(a_list()) == Ids{"d", "c", "b", "a"});
  CHECK(at.list(a_list(2)) == Ids{"d", "c"});
  CHECK(at.list(behind(a_list(2), 20, "c")) == Ids{"b", "a"});
  CHECK(at.list(in(a_list(), commands::State::kPending)) == Ids{"d", "c", "a"});
}

TEST_CASE_TEMPLATE("unfinished commands and keys of the last day are loaded", World, EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.save(a_device(1)));
  const std::int64_t now = at.world.clock.now;
  commands::Command late = a_command("k-3", 1, now - 5);
  commands::Command early = a_command("k-2", 1, now - 9);
  early.state = commands::State::kAccepted;
  commands::Command done = a_command("k-1", 1, now - 20);
  done.state = commands::State::kExpired;
  done.idempotency_key = "once";
  commands::Command old = a_command("k-0", 1, now - kIdempotencyMs);
  old.state = commands::State::kExecuted;
  old.idempotency_key = "long ago";
  for (const auto& command : {late, early, done, old}) REQUIRE(at.save(command));
  at.reopen();
  const Loaded loaded = *at.world.load();
  CHECK(loaded.unfinished == std::vector{early, late});
  CHECK(loaded.keys == std::vector<IdempotencyKey>{{"default", "app", "once", "k-1", now - 20}});
}

TEST_CASE_TEMPLATE("only ended connections are listed, newest end first", World, EVERY_STORE) {
  Fixture<World> at;
  const auto open = [&](hub::ConnectionLog log) {
    CHECK(at.shard->stores([&](auto done) { at.shard->store().open_log(log, std::move(done)); }));
  };
  hub::ConnectionLog client = a_log("c-3", "boiler-7");
  client.kind = "client";
  open(a_log("c-1"));
  open(a_log("c-2", "pump-1"));
  open(client);
  CHECK(at.list_logs(all_logs()).empty());
  CHECK(at.close_log(a_log("c-2", "pump-1"), 2000));
  CHECK(at.close_log(client, 2000));
  CHECK(at.close_log(a_log("c-9"), 3000));  // its opening was never stored
  const auto ids = [&](hub::LogQuery query) {
    std::vector<std::string> found;
    for (const auto& log : at.list_logs(std::move(query))) found.push_back(log.connection);
    return found;
  };
  using Ids = std::vector<std::string>;
  CHECK(ids(all_logs()) == Ids{"c-9", "c-3", "c-2"});
  hub::LogQuery query = all_logs();
  query.limit = 1;
  CHECK(ids(query) == Ids{"c-9"});
  query = all_logs();
  query.before_disconnected_at = 2000;
  query.before_connection = "c-3";
  CHECK(ids(query) == Ids{"c-2"});
  query = all_logs();
  query.device = "boiler-7";
  CHECK(ids(query) == Ids{"c-9"});
  query = all_logs();
  query.from = 2000;
  query.to = 3000;
  CHECK(ids(query) == Ids{"c-3", "c-2"});
  query = all_logs();
  query.tenant = "other";
  CHECK(ids(query).empty());
  const hub::ConnectionLog ended = at.list_logs(all_logs()).at(0);
  CHECK(ended.code == 1000);
  CHECK(ended.reason == "closed with 1000");
  CHECK(ended.remote == "127.0.0.1:4711");
}

TEST_CASE_TEMPLATE("old rows of the log go in bounded steps, of every tenant, and no others", World,
                   EVERY_STORE) {
  Fixture<World> at;
  const auto forget = [&](std::int64_t before) {
    return *at.shard->template wait<bool>(
        [&](auto done) { at.shard->store().forget_logs(before, std::move(done)); });
  };
  const auto count = [&](const std::string& tenant) {
    hub::LogQuery query;
    query.tenant = tenant;
    query.limit = 5000;
    return at.list_logs(query).size();
  };
  CHECK_FALSE(forget(1000));
  const std::vector<std::string> tenants = {"a", "b", "c"};
  for (const std::string& tenant : tenants) {
    for (int i = 0; i < 700; ++i) {
      hub::ConnectionLog log = a_log(fmt::format("c-{}-{:04}", tenant, i));
      log.tenant = tenant;
      log.disconnected_at = 1000 + i;
      at.shard->store().close_log(log, [](Result<void>) {});
    }
  }
  hub::ConnectionLog open = a_log("c-open");
  open.tenant = "b";
  REQUIRE(at.shard->stores([&](auto done) { at.shard->store().open_log(open, std::move(done)); }));
  // 500 of each are old.
  CHECK(forget(1500));
  CHECK(count("a") + count("b") + count("c") == 1100);
  CHECK_FALSE(forget(1500));
  for (const std::string& tenant : tenants) CHECK(count(tenant) == 200);
  CHECK_FALSE(forget(1500));
  CHECK(count("c") == 200);
  // One that goes on has not ended, however long ago it began.
  at.reopen();
  CHECK(count("b") == 201);
}

TEST_CASE_TEMPLATE("a log of many tenants is looked through in bounded steps", World, EVERY_STORE) {
  Fixture<World> at;
  for (int i = 0; i < 250; ++i) {
    hub::ConnectionLog log = a_log(fmt::format("c-{}", i));
    log.tenant = fmt::format("tenant-{:03}", i);
    REQUIRE(at.close_log(log, i == 249 ? 1000 : 3000));
  }
  const auto forget = [&] {
    return *at.shard->template wait<bool>(
        [&](auto done) { at.shard->store().forget_logs(2000, std::move(done)); });
  };
  int steps = 1;
  while (forget()) ++steps;
  CHECK(steps <= 3);
  hub::LogQuery query;
  query.tenant = "tenant-249";
  CHECK(at.list_logs(query).empty());
  query.tenant = "tenant-248";
  CHECK(at.list_logs(query).size() == 1);
}

TEST_CASE_TEMPLATE("a store that opens ends what its last life left open", World, EVERY_STORE) {
  Fixture<World> at;
  CHECK(at.shard->stores(
      [&](auto done) { at.shard->store().open_log(a_log("c-1"), std::move(done)); }));
  CHECK(at.close_log(a_log("c-2"), 2000));
  at.world.clock.now += 5000;
  at.reopen();
  const auto logs = at.list_logs(all_logs());
  REQUIRE(logs.size() == 2);
  CHECK(logs[0].connection == "c-1");
  CHECK(logs[0].disconnected_at == at.world.clock.now);
  CHECK(logs[0].code == 1006);
  CHECK(logs[0].reason == "hub restarted");
  CHECK(logs[1].reason == "closed with 1000");
}

TEST_CASE_TEMPLATE("revocations keep the later expiry and go when it has passed", World,
                   EVERY_STORE) {
  Fixture<World> at;
  REQUIRE(at.revoke("a", 200));
  REQUIRE(at.revoke("a", 100));
  REQUIRE(at.revoke("b", 0));
  REQUIRE(at.revoke("b", 100));
  REQUIRE(at.revoke("c", 100));
  const auto unexpired = [&](std::int64_t now) {
    at.world.clock.now = now;
    return at.world.load()->revocations;
  };
  using All = std::vector<auth::Revocation>;
  CHECK(unexpired(99) == All{{"default", "a", 200}, {"default", "b", 0}, {"default", "c", 100}});
  CHECK(unexpired(100) == All{{"default", "a", 200}, {"default", "b", 0}});
  CHECK(
      at.shard->stores([&](auto done) { at.shard->store().forget_expired(100, std::move(done)); }));
  CHECK(unexpired(0) == All{{"default", "a", 200}, {"default", "b", 0}});
}

}  // namespace fairlead::store::test
