#include "store/migrations.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "store/history.h"
#include "store/sqlite/hub.h"
#include "store/sqlite/schema.h"
#include "unit/store/world.h"

namespace fairlead::store::test {
namespace {

std::unique_ptr<sqlite::Database> a_database(const TemporaryDirectory& directory) {
  auto database =
      sqlite::Database::open((directory.path() / "x.db").string(), sqlite::Access::kWriter);
  REQUIRE(database);
  return std::move(*database);
}

const std::vector<Migration> kOne = {{1, "0001_one", "CREATE TABLE one (a INTEGER);"}};
const std::vector<Migration> kTwo = {
    {1, "0001_one", "CREATE TABLE one (a INTEGER);"},
    {2, "0002_two", "CREATE TABLE two (a INTEGER); INSERT INTO two VALUES (2);"}};
const std::vector<Migration> kBroken = {
    {1, "0001_one", "CREATE TABLE one (a INTEGER);"},
    {2, "0002_two", "CREATE TABLE two (a INTEGER); INSERT INTO nowhere VALUES (2);"}};

}  // namespace

TEST_CASE("the built-in migrations are numbered from one on") {
  const auto migrations = sqlite_migrations();
  REQUIRE(!migrations.empty());
  CHECK(migrations[0].version == 1);
  CHECK(migrations[0].name == "0001_initial");
}

TEST_CASE("a checksum is the SHA-256 of the text") {
  CHECK(checksum("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("only what is missing is applied, once") {
  const TemporaryDirectory directory;
  const auto database = a_database(directory);
  CHECK(sqlite::migrate(*database, kOne, 10) == 1);
  CHECK(sqlite::migrate(*database, kTwo, 20) == 1);
  CHECK(sqlite::migrate(*database, kTwo, 30) == 0);
  const auto states = sqlite::schema_state(*database, kTwo);
  REQUIRE(states);
  CHECK(states->at(0).applied_at == 10);
  CHECK(states->at(1).applied_at == 20);
}

TEST_CASE("a migration that fails leaves nothing of itself, and says which it was") {
  const TemporaryDirectory directory;
  const auto database = a_database(directory);
  const auto result = sqlite::migrate(*database, kBroken, 10);
  REQUIRE(!result);
  CHECK(result.error().message == "migration 0002_two: no such table: nowhere");
  CHECK(sqlite::schema_state(*database, kBroken)->at(1).applied_at == std::nullopt);
  // Its table is not there, so the mended one can make it.
  CHECK(sqlite::migrate(*database, kTwo, 20) == 1);
}

TEST_CASE("connections that the first version logged stand in their new tables") {
  const TemporaryDirectory directory;
  const auto database = a_database(directory);
  const std::vector<Migration> known = sqlite_migrations();
  REQUIRE(sqlite::migrate(*database, {known.data(), 1}, 10) == 1);
  REQUIRE(database->execute(
      "INSERT INTO connection_logs VALUES "
      "('c-1', 'default', 'device', 'boiler-7', '192.0.2.7:1', 100, NULL, 0, ''), "
      "('c-2', 'default', 'client', 'app', '192.0.2.7:2', 200, 300, 1000, 'closed with 1000')"));
  REQUIRE(sqlite::migrate(*database, known, 20));
  sqlite::Hub hub(*database);
  hub::LogQuery all;
  all.tenant = "default";
  const auto ended = hub.list_logs(all);
  REQUIRE(ended);
  REQUIRE(ended->size() == 1);
  CHECK(ended->at(0).connection == "c-2");
  CHECK(ended->at(0).subject == "app");
  CHECK(ended->at(0).connected_at == 200);
  REQUIRE(hub.close_open_logs(400));
  const auto logs = hub.list_logs(all);
  REQUIRE(logs->size() == 2);
  CHECK(logs->at(0).connection == "c-1");
  CHECK(logs->at(0).code == 1006);
}

TEST_CASE("telemetry of every earlier version is there, goes on, and is sealed") {
  const std::vector<Migration> known = sqlite_migrations();
  for (std::size_t version = 1; version < known.size(); ++version) {
    CAPTURE(version);
    SegmentedWorld world;
    world.close_all();
    std::filesystem::remove_all(world.directory());
    std::filesystem::create_directory(world.directory());
    {
      const auto database = sqlite::Database::open(world.file().string(), sqlite::Access::kWriter);
      REQUIRE(database);
      REQUIRE(sqlite::migrate(**database, {known.data(), version}, 10) == version);
      const bool has_segments = version >= 3;
      REQUIRE((*database)->execute(fmt::format(
          "INSERT INTO devices (key, tenant, id, session, disabled, created_at, updated_at) "
          "VALUES (1, 'default', 'boiler-7', 1, 0, 1, 1);"
          "INSERT INTO telemetry_progress VALUES (1, 3, 'b1', 3, 30);"
          "INSERT INTO {} (device, offset, ts, at, seq, metrics) VALUES "
          "(1, 1, 1000, 10, 1, '{{\"t\":1}}'), (1, 2, 500, 20, 2, '{{\"t\":2}}'), "
          "(1, 3, 3000, 30, 3, '{{\"t\":3}}');",
          has_segments ? "telemetry_open_1" : "telemetry_data")));
    }
    world.clock.now = 100;
    world.reopen();
    Shard<SegmentedWorld> shard(world);
    const auto device = world.load()->devices.at(0);
    CHECK(device.progress.last_seq == 3);
    CHECK(device.latest.offset() == 3);
    REQUIRE(
        shard.stores([&](auto done) { shard.store().append(a_block(1, 4, 6), std::move(done)); }));
    CHECK(world.segments().view()->sealed.size() == 1);
    telemetry::Range range;
    range.device = 1;
    const auto page =
        shard.wait<telemetry::Page>([&](auto done) { shard.store().read(range, std::move(done)); });
    REQUIRE(page);
    CHECK(offsets_of(*page) == std::vector<std::int64_t>{2, 1, 3, 4, 5, 6});
  }
}

TEST_CASE("a history survives its column, and nothing else is taken for one") {
  const std::vector<commands::Transition> history = {{commands::State::kPending, 1},
                                                     {commands::State::kExpired, -5}};
  CHECK(encode_history(history) == R"([{"status":"pending","at":1},{"status":"expired","at":-5}])");
  CHECK(decode_history(encode_history(history)) == history);
  CHECK(decode_history("[]") == std::vector<commands::Transition>{});
  for (const char* text :
       {"", "[", "[{}]", "[]x", R"([{"status":"lost","at":1}])", R"([{"status":"pending","at":x}])",
        R"([{"status":"pending","at":1}],)", R"([{"status":"pending","at":1},])"}) {
    CAPTURE(text);
    CHECK(!decode_history(text));
  }
}

}  // namespace fairlead::store::test
