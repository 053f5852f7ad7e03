// What only a database server can do to the store, and the store to it.
#include "support/postgres.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>
#include <thread>

#include "store/postgres/backend.h"
#include "store/postgres/devices.h"
#include "store/postgres/driver.h"
#include "store/postgres/reader.h"
#include "store/postgres/retention.h"
#include "store/postgres/sample_batch.h"
#include "store/postgres/schema.h"
#include "store/postgres/telemetry.h"
#include "support/postgres_proxy.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

using std::chrono::milliseconds;
using support::PostgresDatabase;

/// A hub's writing side on a database, without a thread.
struct Writing {
  HandClock clock;
  std::unique_ptr<postgres::Backend> backend;

  static postgres::Options options_for(const std::string& url) {
    return {.url = url, .auto_migrate = true, .patience = milliseconds(10'000)};
  }
  explicit Writing(const std::string& url) : Writing(options_for(url)) {}
  explicit Writing(const postgres::Options& options) {
    auto opened = postgres::Backend::open(options, clock);
    REQUIRE_MESSAGE(opened, opened.error().message);
    backend = std::move(*opened);
  }
  /// Empty when it was committed.
  std::string commit(std::vector<Write> writes) const {
    const auto done = backend->commit(writes);
    return done ? "" : done.error().message;
  }
  /// As the real hub would: the day of now.
  std::shared_ptr<const telemetry::SampleBlock> block(std::int64_t first, std::int64_t last) const {
    Batch batch = a_batch(1, first, last);
    for (telemetry::Sample& sample : batch.samples) sample.at = clock.now;
    return block_of(batch);
  }
};

std::string end_writers(const PostgresDatabase& database) {
  return database.ask(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE application_name LIKE 'fairlead h%' AND datname = current_database()");
}

/// device 1: `first|last|count` of what is stored.
std::string stored(const PostgresDatabase& database) {
  return database.ask(
      "SELECT format('%s|%s|%s', min(\"offset\"), max(\"offset\"), count(*)) FROM telemetry_data "
      "WHERE device = 1");
}

postgres::Options without_migrating(const std::string& url) {
  return {.url = url, .auto_migrate = false};
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

// ---- the schema ---------------------------------------------------------------------------------

/// Tries SQL that must be refused with a SQLSTATE, or not at all.
struct Refusals {
  const PostgresDatabase& database;
  void operator()(const std::string& sql, std::string_view with) const {
    CAPTURE(sql);
    CHECK(database.refusal(sql) == with);
  }
};

constexpr std::string_view kCheck = "23514";
constexpr std::string_view kForeignKey = "23503";
constexpr std::string_view kUnique = "23505";
constexpr std::string_view kNotNull = "23502";

TEST_CASE("PostgreSQL itself refuses devices that must not be") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  REQUIRE(hub.commit({SaveDevice{a_device(1)}}).empty());
  const Refusals refused{database};
  const auto device = [](std::string_view values) {
    return fmt::format(
        "INSERT INTO devices (key, tenant, id, status, session, disabled, created_at, updated_at) "
        "VALUES ({}, false, 0, 0)",
        values);
  };
  refused(device("0, 't', 'x', NULL, 0"), kCheck);
  refused(device("7, '', 'x', NULL, 0"), kCheck);
  refused(device("7, 't', '', NULL, 0"), kCheck);
  refused(device("7, 't', 'x', 'fine', 0"), kCheck);
  refused(device("7, 't', 'x', NULL, -1"), kCheck);
  refused(device("7, 'default', 'device-1', NULL, 0"), kUnique);
  refused(device("1, 't', 'x', NULL, 0"), kUnique);
  refused(device("7, NULL, 'x', NULL, 0"), kNotNull);
  refused(device("7, 't', 'x', 'ok', 0"), "");
}

TEST_CASE("PostgreSQL itself refuses telemetry that must not be") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{hub.block(1, 3)}}).empty());
  const Refusals refused{database};
  const auto sample = [&](std::string_view offset, std::string_view seq, std::string_view metrics) {
    return fmt::format("INSERT INTO telemetry_data VALUES (1, {}, 0, {}, {}, {})", offset,
                       hub.clock.now, seq, metrics);
  };
  refused(sample("0", "0", "'{}'"), kCheck);
  refused(sample("9", "-1", "'{}'"), kCheck);
  refused(sample("3", "0", "'{}'"), kUnique);
  refused(sample("9", "0", "NULL"), kNotNull);
  // No partition: the writer makes them.
  refused("INSERT INTO telemetry_data VALUES (1, 9, 0, 4102444800000, 0, '{}')", kCheck);
  refused("INSERT INTO telemetry_progress VALUES (99, 1, NULL, 0, 0)", kForeignKey);
  refused("UPDATE telemetry_progress SET \"offset\" = -1", kCheck);
  refused("UPDATE telemetry_progress SET last_seq = -1", kCheck);
  refused("INSERT INTO telemetry_latest VALUES (99, '')", kForeignKey);
  refused("SELECT advance_progress('{1}', '{3}', '{4}', '{b}', '{0}', '{0}')", "FL002");
  refused("SELECT advance_progress('{1}', '{2}', '{3}', '{b}', '{0}', '{0}')", "FL002");
  refused("SELECT advance_progress('{99}', '{1}', '{1}', '{b}', '{0}', '{0}')", kForeignKey);
  refused("SELECT record_batch('nobody', 1)", "FL001");
  refused("INSERT INTO writers VALUES ('', 0)", kCheck);
  refused("INSERT INTO writers VALUES ('x', -1)", kCheck);
}

TEST_CASE("PostgreSQL itself refuses commands, connections and revocations that must not be") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  REQUIRE(hub.commit({SaveDevice{a_device(1)}}).empty());
  const Refusals refused{database};
  const auto command = [](std::string_view id, int key, std::string_view status,
                          std::string_view delivery, int attempt) {
    return fmt::format(
        "INSERT INTO device_commands (id, device, tenant, device_id, name, status, delivery, "
        "issued_by, issued_at, expires_at, attempt, history) "
        "VALUES ('{}', {}, 't', 'd', 'n', '{}', '{}', 'a', 0, 0, {}, '[]')",
        id, key, status, delivery, attempt);
  };
  const auto log = [](std::string_view connection, std::string_view kind) {
    return fmt::format(
        "INSERT INTO connection_logs VALUES ('t', 1, '{}', '{}', 's', 'r', 0, 1000, '')",
        connection, kind);
  };
  refused(command("", 1, "pending", "now", 0), kCheck);
  refused(command("k", 99, "pending", "now", 0), kForeignKey);
  refused(command("k", 1, "lost", "now", 0), kCheck);
  refused(command("k", 1, "pending", "later", 0), kCheck);
  refused(command("k", 1, "pending", "now", -1), kCheck);
  refused(command("k", 1, "pending", "now", 0), "");
  refused(command("k", 1, "pending", "now", 0), kUnique);
  refused(log("", "device"), kCheck);
  refused(log("c", "robot"), kCheck);
  refused(log("c", "device"), "");
  refused(log("c", "device"), kUnique);
  refused("INSERT INTO open_connections VALUES ('', 't', 'device', 's', 'r', 0)", kCheck);
  refused("INSERT INTO open_connections VALUES ('c', 't', 'robot', 's', 'r', 0)", kCheck);
  refused("INSERT INTO revoked_tokens VALUES ('t', 'j', -1)", kCheck);
}

TEST_CASE("what goes with a device goes with it, and its key is remembered") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{hub.block(1, 3)},
                      SaveCommand{a_command("k-1", 1, 5)}})
              .empty());
  database.execute("DELETE FROM devices WHERE key = 1");
  CHECK(stored(database) == "||0");
  CHECK(database.ask("SELECT count(*) FROM telemetry_progress WHERE device = 1") == "0");
  CHECK(database.ask("SELECT count(*) FROM device_commands") == "0");
  CHECK(database.ask("SELECT value FROM meta WHERE name = 'last_deleted_key'") == "1");
}

TEST_CASE("samples stand in the partition of the day on which they came") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  Batch batch = a_batch(1, 1, 3);
  batch.samples[0].at = 1'764'287'999'999;  // 2025-11-27, its last millisecond
  batch.samples[1].at = 1'764'288'000'000;
  batch.samples[2].at = 1'764'288'000'001;
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{block_of(batch)}}).empty());
  CHECK(database.ask("SELECT count(*) FROM telemetry_data_20251127") == "1");
  CHECK(database.ask("SELECT count(*) FROM telemetry_data_20251128") == "2");
  // Those of today and of the days to come are there before a sample is.
  const auto partitions = [&] {
    return database.ask(
        "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY 1) FROM pg_inherits "
        "WHERE inhparent = 'telemetry_data'::regclass");
  };
  CHECK(holds(partitions(),
              "telemetry_data_20251124 telemetry_data_20251125 "
              "telemetry_data_20251126 telemetry_data_20251127"));
}

TEST_CASE("days that were kept long enough are dropped while they are read, and no others") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  Batch batch = a_batch(1, 1, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    batch.samples[i].at = hub.clock.now + (static_cast<std::int64_t>(i) - 2) * postgres::kDayMs;
  }
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{block_of(batch)}}).empty());
  const auto keeper = postgres::Connection::open(
      postgres::writer_session(Writing::options_for(database.url()), "a keeper"));
  const auto reader =
      postgres::Connection::open(postgres::reader_session(Writing::options_for(database.url())));
  const std::int64_t today = postgres::day_of(hub.clock.now);
  // Who reads is not waited for.
  REQUIRE((*reader)->execute("BEGIN; SELECT count(*) FROM telemetry_data"));
  CHECK(postgres::drop_days_before(**keeper, today - 1).error().sqlstate == "55P03");
  REQUIRE((*reader)->execute("COMMIT"));
  CHECK(stored(database) == "1|3|3");
  CHECK(postgres::drop_days_before(**keeper, today - 1) == 1);
  CHECK(stored(database) == "2|3|2");
  CHECK(postgres::drop_days_before(**keeper, today - 1) == 0);
  CHECK(hub.commit({StoreSamples{hub.block(4, 5)}}).empty());
}

TEST_CASE("the keeper drops old days by itself") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  Batch batch = a_batch(1, 1, 2);
  batch.samples[0].at = hub.clock.now - 9 * postgres::kDayMs;
  batch.samples[1].at = hub.clock.now;
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{block_of(batch)}}).empty());
  const postgres::Retention keeper(Writing::options_for(database.url()), hub.clock, 7);
  while (stored(database) != "2|2|1") std::this_thread::yield();
}

// ---- migrations ---------------------------------------------------------------------------------

TEST_CASE("without leave to migrate the hub says what to run, and changes nothing") {
  const PostgresDatabase database;
  HandClock clock;
  const auto refused = postgres::Backend::open(without_migrating(database.url()), clock);
  REQUIRE(!refused);
  CHECK(holds(refused.error().message, "`fairlead migrate up`"));
  CHECK(holds(refused.error().message, "store.auto_migrate = true"));
  CHECK(database.ask("SELECT count(*) FROM pg_class WHERE relname = 'devices'") == "0");

  postgres::Driver driver(without_migrating(database.url()));
  CHECK(!driver.migrations()->at(0).applied_at);
  CHECK(driver.migrate(clock) == postgres_migrations().size());
  CHECK(driver.migrate(clock) == 0);
  CHECK(driver.migrations()->at(0).applied_at == clock.now);
  CHECK(postgres::Backend::open(without_migrating(database.url()), clock));
}

TEST_CASE("of hubs that migrate at once one does it") {
  const PostgresDatabase database;
  const auto migrate = [&database] {
    const auto connection = postgres::Connection::open(
        postgres::writer_session(Writing::options_for(database.url()), "a test"));
    return *postgres::migrate(**connection, postgres_migrations(), 1);
  };
  std::vector<std::future<std::size_t>> all;
  all.reserve(4);
  for (int i = 0; i < 4; ++i) all.push_back(std::async(std::launch::async, migrate));
  std::size_t applied = 0;
  for (auto& each : all) applied += each.get();
  CHECK(applied == postgres_migrations().size());
}

TEST_CASE("a migration that fails leaves nothing of itself on PostgreSQL") {
  const PostgresDatabase database;
  const auto connection = postgres::Connection::open(
      postgres::writer_session(Writing::options_for(database.url()), "a test"));
  const std::vector<Migration> broken = {
      {1, "0001_one", "CREATE TABLE one (a bigint);"},
      {2, "0002_two", "CREATE TABLE two (a bigint); INSERT INTO nowhere VALUES (2);"}};
  const auto result = postgres::migrate(**connection, broken, 10);
  REQUIRE(!result);
  CHECK(result.error().message == "migration 0002_two: relation \"nowhere\" does not exist");
  const auto states = postgres::schema_state(**connection, broken);
  CHECK(states->at(0).applied_at == 10);
  CHECK(!states->at(1).applied_at);
  CHECK(database.ask("SELECT count(*) FROM pg_class WHERE relname = 'two'") == "0");
}

TEST_CASE("a newer, a changed and a foreign schema are refused on PostgreSQL") {
  const PostgresDatabase database;
  const auto problem = [&] {
    HandClock clock;
    const auto opened = postgres::Driver(Writing::options_for(database.url())).open_backend(clock);
    return opened ? "" : opened.error().message;
  };
  SUBCASE("newer") {
    REQUIRE(problem().empty());
    database.execute("INSERT INTO schema_migrations VALUES (1000, '1000_future', 'x', 0)");
    CHECK(holds(problem(), "its schema (version 1000) is newer than this program"));
  }
  SUBCASE("changed") {
    REQUIRE(problem().empty());
    database.execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1");
    CHECK(holds(problem(), "migration 0001_initial was applied in another form"));
  }
  SUBCASE("foreign") {
    database.execute("CREATE TABLE schema_migrations (version text)");
    CHECK(holds(problem(), "its schema_migrations is that of another program"));
  }
}

// ---- one writer ---------------------------------------------------------------------------------

TEST_CASE("a second hub is refused while the first one lives") {
  const PostgresDatabase database;
  const Writing first(database.url());
  HandClock clock;
  auto options = Writing::options_for(database.url());
  options.lock_patience = milliseconds(0);
  const auto second = postgres::Backend::open(options, clock);
  REQUIRE(!second);
  CHECK(second.error().message == "PostgreSQL: another fairlead writes to this database");
}

TEST_CASE("a hub whose place was taken is fenced off, now and when the other has gone") {
  const PostgresDatabase database;
  auto options = Writing::options_for(database.url());
  options.patience = milliseconds(0);
  const Writing first(options);
  REQUIRE(first.commit({SaveDevice{a_device(1)}, StoreSamples{first.block(1, 3)}}).empty());
  CHECK(end_writers(database) == "1");
  {
    const Writing second(options);
    REQUIRE(second.commit({StoreSamples{second.block(4, 5)}}).empty());
    // The first finds its session gone, and the lock taken.
    CHECK(first.commit({StoreSamples{first.block(4, 4)}}) ==
          "PostgreSQL: another fairlead writes to this database");
    CHECK(first.backend->trouble() == "PostgreSQL: another fairlead writes to this database");
  }
  CHECK(first.commit({StoreSamples{first.block(4, 4)}}) ==
        "PostgreSQL: another fairlead has taken this database over");
  CHECK(first.commit({SavePresence{1, 9, 9}}) ==
        "PostgreSQL: another fairlead has taken this database over");
  CHECK(stored(database) == "1|5|5");
  CHECK(database.ask("SELECT session FROM devices WHERE key = 1") == "0");
}

TEST_CASE("samples that do not go on from what is stored are refused with all of their commit") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{hub.block(1, 3)}}).empty());
  // As another writer would.
  database.execute("UPDATE telemetry_progress SET \"offset\" = 4 WHERE device = 1");
  CHECK(hub.commit({SavePresence{1, 9, 9}, StoreSamples{hub.block(4, 5)}}) ==
        "PostgreSQL: device 1 stands at offset 4, not before 4: another writer was here");
  CHECK(stored(database) == "1|3|3");
  CHECK(database.ask("SELECT session FROM devices WHERE key = 1") == "0");
  // It goes on by itself: nothing is broken but the claim.
  CHECK(hub.commit({StoreSamples{hub.block(5, 6)}}).empty());
}

TEST_CASE("a database that was set back is not written to") {
  const PostgresDatabase database;
  auto options = Writing::options_for(database.url());
  options.patience = milliseconds(0);
  const Writing hub(options);
  REQUIRE(hub.commit({SaveDevice{a_device(1)}}).empty());
  REQUIRE(hub.commit({SavePresence{1, 1, 1}}).empty());
  database.execute("UPDATE writers SET batch = 1");
  end_writers(database);
  const std::string why = hub.commit({SavePresence{1, 2, 2}});
  CHECK(holds(why, "it knows batch 1 of this hub, which is at 2: it was set back"));
  CHECK(database.ask("SELECT session FROM devices WHERE key = 1") == "1");
}

// ---- a connection that breaks -------------------------------------------------------------------

TEST_CASE("a commit that is cut off anywhere is stored once, and the hub goes on") {
  using support::Cut;
  const PostgresDatabase database;
  support::PostgresProxy proxy(support::shared_postgres().directory());
  const std::string name = database.ask("SELECT current_database()");
  const Writing hub(proxy.url(name));
  REQUIRE(hub.commit({SaveDevice{a_device(1)}}).empty());
  std::int64_t offset = 0;
  std::int64_t session = 0;
  for (const Cut cut : {Cut::kBeforeRequest, Cut::kInRequest, Cut::kBeforeAnswer}) {
    for (const bool with_samples : {false, true}) {
      // The first request of a batch with samples is COPY, which the server answers before it has
      // the rows, the second all the rest with COMMIT.
      const int first = with_samples && cut == Cut::kBeforeAnswer ? 1 : 0;
      for (int requests = first; requests < (with_samples ? 2 : 1); ++requests) {
        CAPTURE(static_cast<int>(cut));
        CAPTURE(with_samples);
        CAPTURE(requests);
        proxy.arm(cut, requests);
        std::vector<Write> writes = {SavePresence{1, ++session, 5}};
        if (with_samples) writes.emplace_back(StoreSamples{hub.block(offset + 1, offset + 3)});
        CHECK(hub.commit(std::move(writes)).empty());
        CHECK(proxy.has_cut());
        if (with_samples) offset += 3;
        CHECK(stored(database) == (offset == 0 ? "||0" : fmt::format("1|{}|{}", offset, offset)));
        CHECK(database.ask("SELECT session FROM devices WHERE key = 1") == std::to_string(session));
        CHECK(!hub.backend->trouble());
      }
    }
  }
}

TEST_CASE("a server that falls silent is left, and what it did in the end is not done again") {
  support::PostgresServer server;
  const PostgresDatabase database(server);
  auto options = Writing::options_for(database.url() + "&connect_timeout=2");
  options.timeout = milliseconds(300);
  const Writing hub(options);
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{hub.block(1, 3)}}).empty());
  server.freeze();
  auto committing = std::async(std::launch::async, [&hub] {
    return hub.commit({SavePresence{1, 7, 7}, StoreSamples{hub.block(4, 6)}});
  });
  while (!hub.backend->trouble()) std::this_thread::yield();
  server.thaw();
  CHECK(committing.get().empty());
  CHECK(!hub.backend->trouble());
  CHECK(stored(database) == "1|6|6");
}

TEST_CASE("a hub that is to end does not wait for a server that is away") {
  support::PostgresServer server;
  const PostgresDatabase database(server);
  auto options = Writing::options_for(database.url());
  options.patience = std::chrono::hours(1);
  const Writing hub(options);
  server.crash();
  auto committing =
      std::async(std::launch::async, [&hub] { return hub.commit({SavePresence{1, 1, 1}}); });
  while (!hub.backend->trouble()) std::this_thread::yield();
  hub.backend->stop_waiting();
  CHECK(committing.get().starts_with("PostgreSQL: connection to server"));
  server.start();
}

TEST_CASE("readers wait for nobody, and find the server again by themselves") {
  support::PostgresServer server;
  const PostgresDatabase database(server);
  const Writing hub(database.url());
  REQUIRE(hub.commit({SaveDevice{a_device(1)}, StoreSamples{hub.block(1, 3)}}).empty());
  const auto reader = postgres::Reader::open(Writing::options_for(database.url()));
  REQUIRE(reader);
  server.crash();
  const auto refused = (*reader)->read_from(1, 1, 10);
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::kOverloaded);
  CHECK(refused.error().message.starts_with("the store cannot be read: PostgreSQL: "));
  server.start();
  CHECK((*reader)->read_from(1, 1, 10)->samples.size() == 3);
}

TEST_CASE("a large fleet is loaded whole, in pages, with what is newer than its checkpoints") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  constexpr std::int64_t kFleet = 2 * postgres::kDevicesAtOnce + 17;
  REQUIRE(hub.commit({SaveDevice{a_device(1)}}).empty());
  // One device has more samples than are read at once, and no checkpoint.
  constexpr std::int64_t kMany = 2 * postgres::kSamplesAtOnce + 5;
  REQUIRE(hub.commit({StoreSamples{hub.block(1, kMany)}}).empty());
  database.execute(fmt::format(
      "INSERT INTO devices (key, tenant, id, session, disabled, created_at, updated_at) "
      "SELECT k, 'default', 'device-' || k, 0, false, 1, 2 FROM generate_series(2, {0}) AS k; "
      "INSERT INTO telemetry_data SELECT k, 1, 5, {1}, 1, '{{\"n\":' || k || '}}' "
      "FROM generate_series(2, {0}) AS k; "
      "UPDATE telemetry_progress SET \"offset\" = 1 WHERE device > 1",
      kFleet, hub.clock.now));
  const auto reader = postgres::Reader::open(Writing::options_for(database.url()));
  const auto loaded = (*reader)->load(hub.clock.now);
  REQUIRE_MESSAGE(loaded, loaded.error().message);
  REQUIRE(loaded->devices.size() == kFleet);
  CHECK(loaded->last_key == kFleet);
  CHECK(loaded->devices[0].latest.offset() == kMany);
  CHECK(loaded->devices[0].progress.offset == kMany);
  for (std::size_t i = 1; i < kFleet; ++i) {
    std::string latest;
    loaded->devices[i].latest.write_json(latest);
    const bool is_right =
        latest == fmt::format(R"({{"n":{{"value":{},"ts":5}}}})", i + 1) &&
        loaded->devices[i].device == a_device(static_cast<protocol::DeviceKey>(i) + 1);
    if (!is_right) FAIL(latest);
  }
}

TEST_CASE("an idle hub notices that its server went, and that it is back") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  REQUIRE(hub.commit({SaveDevice{a_device(1)}}).empty());
  REQUIRE(end_writers(database) == "1");
  while (!hub.backend->trouble()) hub.backend->maintain();
  CHECK(hub.backend->trouble() == "PostgreSQL: the connection was lost");
  CHECK(hub.backend->probe());
  CHECK(!hub.backend->trouble());
}

TEST_CASE("text that PostgreSQL cannot hold does not stop the store") {
  const PostgresDatabase database;
  const Writing hub(database.url());
  devices::Device device = a_device(1);
  device.about = devices::Description{.name = std::string("a\0b", 3)};
  CHECK(hub.commit({SaveDevice{device}}).empty());
  CHECK(database.ask("SELECT name FROM devices") == "a\uFFFDb");
}

}  // namespace fairlead::store::test
