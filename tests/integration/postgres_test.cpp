// The real hub on a real PostgreSQL, which goes away and comes back.
#include "support/postgres.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

HubOptions on_url(const std::string& url) {
  return {.settings = {"store.url=" + url, "store.auto_migrate=true", "limits.burst=100000",
                       "limits.messages_per_second=100000"}};
}

HubOptions on(const PostgresDatabase& database) { return on_url(database.url()); }

int rounds(int otherwise) {
  const char* wanted = std::getenv("FAIRLEAD_KILL_ROUNDS");
  return wanted == nullptr ? otherwise : std::atoi(wanted);
}

constexpr int kPerMessage = 10;

/// Samples `first` and the next ones, each with its number as seq and as value.
Json samples_from(int first) {
  Json::Array samples;
  for (int seq = first; seq < first + kPerMessage; ++seq) {
    samples.push_back(obj("seq", seq, "metrics", obj("n", seq)));
  }
  return obj("type", "telemetry.batch", "id", first, "epoch", "e", "samples", samples);
}

/// That samples 1 to `last` are stored, each once and in its place.
void check_stored(const PostgresDatabase& database, std::string_view device, int last) {
  const std::string found = database.ask(
      fmt::format("SELECT format('%s %s %s %s', count(*), count(DISTINCT seq), max(\"offset\"), "
                  "bool_and(seq = \"offset\" AND metrics = '{{\"n\":' || seq || '}}')) "
                  "FROM telemetry_data JOIN devices ON key = device WHERE id = '{}'",
                  device));
  CHECK(found == fmt::format("{0} {0} {0} t", last));
}

std::string readiness(const HubProcess& hub) { return hub.anonymous().get("/readyz").body; }

}  // namespace

TEST_CASE("a hub on PostgreSQL keeps everything over a kill -9") {
  const PostgresDatabase database;
  HubProcess hub(on(database));
  WsClient client = hub.client();
  std::string command;
  {
    WsClient device = hub.device("boiler");
    device.ack(obj("type", "device.register", "name", "Boiler"));
    device.ack(samples_from(1));
    command = client.ack(obj("type", "command.send", "device", "boiler", "name", "set"))["command"]
                  .as_string();
    CHECK(device.expect("command")["command"] == command);
    hub.kill();
  }
  hub.start();
  WsClient device(hub.port(), {.token = hub.sign(Token::device("boiler"))});
  CHECK(device.expect("welcome")["telemetry"]["last_seq"] == kPerMessage);
  CHECK(device.expect("command")["command"] == command);
  device.ack(obj("type", "command.result", "command", command, "status", "executed"));
  device.ack(samples_from(kPerMessage + 1));
  const auto http = hub.http();
  const Json rows = http.get("/v1/devices/boiler/telemetry?limit=1000").json()["items"];
  REQUIRE(rows.size() == 2 * kPerMessage);
  CHECK(rows[0]["offset"] == 1);
  CHECK(rows[2 * kPerMessage - 1]["metrics"]["n"] == 2 * kPerMessage);
  CHECK(http.get("/v1/devices/boiler").json()["name"] == "Boiler");
  CHECK(http.get("/v1/commands/" + command).json()["status"] == "executed");
  CHECK(http.get("/v1/devices/boiler/telemetry/latest").json()["metrics"]["n"]["value"] ==
        2 * kPerMessage);
  CHECK(hub.stop() == 0);
  check_stored(database, "boiler", 2 * kPerMessage);
}

TEST_CASE("a hub on PostgreSQL needs no directory, but leave to change the schema") {
  const PostgresDatabase database;
  const TempDir dir;
  const auto secret = dir.write("secret", kSecret);
  const std::string url = "store.url=" + database.url();
  const Finished refused =
      run_fairlead({"serve", "--listen", "127.0.0.1:0", "--jwt-secret-file", secret, "--set", url});
  CHECK(refused.code == 1);
  CHECK(refused.err.find("fairlead migrate up") != std::string::npos);
  const auto migrate = [&](std::vector<std::string> what) {
    what.insert(what.begin(), "migrate");
    what.insert(what.end(), {"--set", url});
    return run_fairlead(what).out;
  };
  std::set<std::string> names;
  for (const auto& file :
       std::filesystem::directory_iterator(FAIRLEAD_SOURCE_DIR "/migrations/postgres")) {
    names.insert(file.path().stem().string());
  }
  const auto each = [&names](std::string_view before, std::string_view behind, bool with_number) {
    std::string lines;
    for (const std::string& name : names) {
      const std::string number = with_number ? name.substr(0, 4) + " " : "";
      lines += fmt::format("{}{}{}{}\n", before, number, name, behind);
    }
    return lines;
  };
  CHECK(migrate({"status"}) == each("", ": missing", true));
  CHECK(migrate({"up", "--dry-run"}) ==
        each("would apply ", "", false) + fmt::format("{} missing\n", names.size()));
  CHECK(migrate({"up"}) == fmt::format("{} applied\n", names.size()));
  CHECK(migrate({"status"}) == each("", ": applied", true));
  Process hub(fairlead_binary(),
              {"serve", "--listen", "127.0.0.1:0", "--jwt-secret-file", secret, "--set", url});
  CHECK(hub.read_line(Deadline{kStartPatience}).starts_with("fairlead listening on"));
}

TEST_CASE("a server that dies under load loses and doubles nothing, and the hub needs no restart") {
  PostgresServer server;
  const PostgresDatabase database(server);
  HubProcess hub(on(database));
  WsClient device = hub.device("boiler");
  constexpr int kMessages = 40;
  int next = 1;
  for (int round = 0; round < rounds(3); ++round) {
    CAPTURE(round);
    const int read = 3 * round % kMessages;
    for (int i = 0; i < kMessages; ++i, next += kPerMessage) device.send(samples_from(next));
    // With some acked, some on their way and some not read.
    for (int i = 0; i < read; ++i) device.expect("ack");
    server.crash();
    REQUIRE(eventually(
        [&] { return readiness(hub).find("store: PostgreSQL: ") != std::string::npos; }));
    CHECK(hub.http().get("/v1/devices/boiler/telemetry").status == 503);
    server.start();
    for (int i = read; i < kMessages; ++i) device.expect("ack");
    REQUIRE(eventually([&] { return hub.anonymous().get("/readyz").status == 200; }));
    CHECK(hub.http().get("/v1/devices/boiler/telemetry").status == 200);
  }
  check_stored(database, "boiler", next - 1);
  CHECK(hub.stop() == 0);
}

TEST_CASE(
    "a hub speaks TLS to PostgreSQL, and checks whose certificate it is where it is told to") {
  const Authority authority;
  const Authority other("somebody else");
  const Identity identity = authority.issue();
  PostgresServer server(&identity);
  const PostgresDatabase database(server);
  const TempDir dir;
  const std::string roots = dir.write("roots.pem", authority.certificate()).string();
  const std::string others = dir.write("others.pem", other.certificate()).string();
  int next = 1;
  for (const std::string& mode :
       {std::string("sslmode=require"), "sslmode=verify-full&sslrootcert=" + roots}) {
    CAPTURE(mode);
    HubProcess hub(on_url(server.tcp_url(database.name(), mode)));
    WsClient device = hub.device("boiler");
    device.ack(samples_from(next));
    next += kPerMessage;
    CHECK(database.ask("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                       "WHERE ssl AND datname = current_database()") >= "3");
    CHECK(hub.http().get("/v1/devices/boiler/telemetry").status == 200);
    CHECK(hub.stop() == 0);
  }
  check_stored(database, "boiler", next - 1);
  const auto secret = dir.write("secret", kSecret).string();
  for (const std::string& mode :
       {std::string("sslmode=disable"), "sslmode=verify-full&sslrootcert=" + others}) {
    CAPTURE(mode);
    const Finished refused =
        run_fairlead({"serve", "--listen", "127.0.0.1:0", "--jwt-secret-file", secret, "--set",
                      "store.url=" + server.tcp_url(database.name(), mode)});
    CHECK(refused.code != 0);
    CHECK(refused.err.find("PostgreSQL") != std::string::npos);
  }
}

TEST_CASE("a hub ends in time although its server is away") {
  PostgresServer server;
  const PostgresDatabase database(server);
  HubProcess hub(on(database));
  WsClient device = hub.device("boiler");
  server.crash();
  device.send(samples_from(1));
  REQUIRE(eventually([&] { return hub.anonymous().get("/readyz").status == 503; }));
  CHECK(hub.stop() == 0);
  server.start();
}
