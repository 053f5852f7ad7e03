#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

/// A start that must fail: one line on stderr, nothing on stdout, another exit code than 0.
/// Returns the line.
std::string refused(const std::vector<std::string>& arguments, const ProcessOptions& options = {}) {
  const Finished finished = run_fairlead(arguments, options);
  const std::string shown = fmt::format("fairlead {}", fmt::join(arguments, " "));
  CAPTURE(shown);
  CAPTURE(finished.err);
  CAPTURE(finished.out);
  CHECK(finished.code != 0);
  CHECK(finished.code < 128);
  CHECK(finished.out.empty());
  CHECK(std::ranges::count(finished.err, '\n') == 1);
  return finished.err;
}

/// What a good start needs, to be spoiled by a test.
struct Start {
  TempDir dir;
  std::filesystem::path data = dir.path() / "data";
  std::filesystem::path secret = dir.write("secret", kSecret);

  std::vector<std::string> with(std::initializer_list<std::string> more) const {
    std::vector<std::string> all = {"serve", "--listen",          "127.0.0.1:0", "--data",
                                    data,    "--jwt-secret-file", secret};
    all.insert(all.end(), more);
    return all;
  }
};

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an unknown key is refused, and the nearest known one is named") {
  const Start start;
  const std::string line = refused(start.with({"--set", "presence.hartbeat_ms=1000"}));
  CHECK(holds(line, "presence.hartbeat_ms"));
  CHECK(holds(line, "presence.heartbeat_ms"));
  const auto file = start.dir.write("fairlead.toml", "[limits]\nmax_mesage_bytes = 5000\n");
  const std::string from_file = refused(start.with({"--config", file}));
  CHECK(holds(from_file, "limits.max_mesage_bytes"));
  CHECK(holds(from_file, "limits.max_message_bytes"));
  const std::string from_environment =
      refused(start.with({}), {.environment = {"FAIRLEAD_LOG__LEVLE=debug"}});
  CHECK(holds(from_environment, "FAIRLEAD_LOG__LEVLE"));
  CHECK(!std::filesystem::exists(start.data));
}

TEST_CASE("a setting that is malformed or out of range is refused by its name") {
  const Start start;
  refused(start.with({"--set", "presence.heartbeat_ms"}));
  refused(start.with({"--set", "=5"}));
  CHECK(
      holds(refused(start.with({"--set", "presence.heartbeat_ms=soon"})), "presence.heartbeat_ms"));
  CHECK(holds(refused(start.with({"--set", "presence.heartbeat_ms=-1"})), "presence.heartbeat_ms"));
  CHECK(holds(refused(start.with({"--set", "limits.burst=99999999999999999999"})), "limits.burst"));
  CHECK(holds(refused(start.with({"--set", "limits.memory_bytes=70000"})), "limits.outbox_bytes"));
  CHECK(holds(refused(start.with({"--set", "log.level=loud"})), "log.level"));
  CHECK(holds(refused(start.with({"--set", "log.format=xml"})), "log.format"));
  CHECK(holds(refused(start.with({"--set", "store.durability=maybe"})), "store.durability"));
  CHECK(holds(refused(start.with({"--set", "store.url=mysql://x"})), "store.url"));
  CHECK(holds(refused(start.with({"--set", "store.url=postgres://db.example/x", "--set",
                                  "store.retention_bytes=1"})),
              "store.retention_bytes: is for SQLite"));
  CHECK(holds(refused(start.with({"--set", "auth.require_exp=perhaps"})), "auth.require_exp"));
  CHECK(!std::filesystem::exists(start.data));
}

TEST_CASE(
    "a configuration file that is missing or no TOML is refused, with the line of the fault") {
  const Start start;
  CHECK(holds(refused(start.with({"--config", "nowhere.toml"})), "nowhere.toml"));
  const auto file = start.dir.write("bad.toml", "[log]\nlevel = \n");
  const std::string line = refused(start.with({"--config", file}));
  CHECK(holds(line, "bad.toml"));
  CHECK(holds(line, "2"));
}

TEST_CASE("without a good secret nothing is served") {
  const Start start;
  const auto with_secret = [&](const std::string& file) {
    return refused(
        {"serve", "--listen", "127.0.0.1:0", "--data", start.data, "--jwt-secret-file", file});
  };
  refused({"serve", "--listen", "127.0.0.1:0", "--data", start.data});
  CHECK(holds(with_secret("no-such-file"), "no-such-file"));
  CHECK(holds(with_secret(start.dir.write("short", std::string(31, 'x'))), "32"));
  with_secret(start.dir.write("empty", ""));
  with_secret(start.dir.path());
  const auto open = start.dir.write("open", kSecret, 0644);
  CHECK(holds(with_secret(open), "open"));
  CHECK(!std::filesystem::exists(start.data));
}

TEST_CASE("an unknown option or command is refused") {
  const Start start;
  CHECK(holds(refused(start.with({"--lisen", "x"})), "--lisen"));
  refused(start.with({"surplus"}));
  CHECK(holds(refused({"sevre"}), "sevre"));
}

TEST_CASE("a port that is taken, or no address, is refused") {
  const HubProcess running;
  const Start start;
  auto arguments = start.with({});
  arguments[2] = fmt::format("127.0.0.1:{}", running.port());
  CHECK(holds(refused(arguments), std::to_string(running.port())));
  for (const char* address : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "nowhere", ":x"}) {
    arguments[2] = address;
    refused(arguments);
  }
}

TEST_CASE("data that another hub has open is left alone") {
  HubProcess running;
  const std::string line = refused(running.arguments());
  CHECK(holds(line, "data"));
  WsClient device = running.device("boiler");
  device.ack(obj("type", "telemetry", "metrics", obj("n", 1)));
  CHECK(running.stop() == 0);
  running.start();
}

TEST_CASE("data that is no database, or is cut, is refused and not overwritten") {
  HubProcess hub;
  {
    WsClient device = hub.device("boiler");
    device.ack(obj("type", "telemetry", "metrics", obj("n", 1)));
  }
  CHECK(hub.stop() == 0);
  const auto file = hub.data() / "fairlead.db";
  REQUIRE(std::filesystem::exists(file));
  const std::string good = read_file(file);
  std::string torn = good;
  std::fill(torn.begin() + 100, torn.begin() + 4096, '\xA5');
  for (const std::string& bad : {std::string("this is no database, but it is precious"), torn}) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bad;
    CHECK(holds(refused(hub.arguments()), "fairlead.db"));
    CHECK(read_file(file) == bad);
  }
  std::ofstream(file, std::ios::binary | std::ios::trunc) << good;
  hub.start();
  CHECK(hub.http().list("/v1/devices/boiler/telemetry").size() == 1);
}

TEST_CASE("a data directory that cannot be made is refused by its name") {
  const Start start;
  auto arguments = start.with({});
  arguments[4] = start.dir.path() / "no" / "such" / "place";
  CHECK(holds(refused(arguments), "place"));
  arguments[4] = start.secret;  // A file.
  CHECK(holds(refused(arguments), "secret"));
  CHECK(read_file(start.secret) == kSecret);
}

TEST_CASE("the later of file, environment and --set wins") {
  const Start start;
  const auto file = start.dir.write(
      "fairlead.toml",
      "[presence]\nheartbeat_ms = 11000\n[limits]\nburst = 11\n[log]\nlevel = \"warn\"\n");
  const ProcessOptions options{
      .environment = {"FAIRLEAD_LIMITS__BURST=12", "FAIRLEAD_LOG__LEVEL=error"}};
  const Finished shown = run_fairlead({"config", "--config", file, "--set", "log.level=debug",
                                       "--set", "limits.messages_per_second=5"},
                                      options);
  CAPTURE(shown.out);
  CAPTURE(shown.err);
  CHECK(shown.code == 0);
  CHECK(holds(shown.out, "heartbeat_ms = 11000"));
  CHECK(holds(shown.out, "burst = 12"));
  CHECK(holds(shown.out, "level = \"debug\""));
}

TEST_CASE("what config prints can be read back and says the same") {
  const Start start;
  const Finished shown =
      run_fairlead({"config", "--set", "auth.claims.sub=who \"\\ \t", "--set", "auth.issuer=a, b",
                    "--set", "http.allowed_origins=https://a.example", "--set", "limits.burst=17"});
  REQUIRE(shown.code == 0);
  const auto file = start.dir.write("fairlead.toml", shown.out);
  const Finished again = run_fairlead({"config", "--config", file});
  CAPTURE(again.err);
  CHECK(again.code == 0);
  CHECK(again.out == shown.out);
  CHECK(holds(again.out, "burst = 17"));
}

TEST_CASE("config masks what is secret") {
  const Finished shown = run_fairlead(
      {"config", "--set", "store.url=postgres://fairlead:hunter2@db.example/fairlead"});
  CAPTURE(shown.out);
  CAPTURE(shown.err);
  CHECK(holds(shown.out, "url = \"postgres://fairlead:***@db.example/fairlead\""));
  CHECK(!holds(shown.out + shown.err, "hunter2"));
}

TEST_CASE("migrations are shown, then applied, and a dry run changes nothing") {
  const Start start;
  const auto migrate = [&](std::vector<std::string> what) {
    what.insert(what.begin(), "migrate");
    what.insert(what.end(), {"--data", start.data});
    const Finished finished = run_fairlead(what);
    CAPTURE(finished.err);
    CHECK(finished.code == 0);
    return finished.out;
  };
  CHECK(holds(migrate({"status"}), "0001 0001_initial: missing\n"));
  CHECK(holds(migrate({"up", "--dry-run"}), "would apply 0001_initial\n"));
  CHECK(!std::filesystem::exists(start.data));
  CHECK(holds(migrate({"up"}), " applied\n"));
  CHECK(holds(migrate({"status"}), "0001 0001_initial: applied\n"));
  CHECK(migrate({"up"}) == "0 applied\n");
  CHECK(migrate({"up", "--dry-run"}) == "0 missing\n");
  CHECK(holds(refused({"migrate", "status"}), "store.data"));
}

TEST_CASE("help suffices to start, and is there for each command") {
  for (const std::vector<std::string>& arguments :
       std::initializer_list<std::vector<std::string>>{{"--help"},
                                                       {"serve", "--help"},
                                                       {"token", "--help"},
                                                       {"sim", "--help"},
                                                       {"config", "--help"},
                                                       {"version", "--help"}}) {
    const Finished help = run_fairlead(arguments);
    CAPTURE(arguments[0]);
    CHECK(help.code == 0);
    CHECK(help.err.empty());
    CHECK(std::ranges::count(help.out, '\n') > 3);
  }
  const std::string serve = run_fairlead({"serve", "--help"}).out;
  for (const char* option :
       {"--listen", "--data", "--jwt-secret-file", "--set", "--config", "--dev"}) {
    CHECK(holds(serve, option));
  }
}

TEST_CASE("version is one line with the number") {
  const Finished version = run_fairlead({"version"});
  CHECK(version.code == 0);
  CHECK(std::ranges::count(version.out, '\n') == 1);
  CHECK(holds(version.out, "0.1.0"));
}

TEST_CASE("a token that the program mints connects") {
  const HubProcess hub;
  const Finished minted = run_fairlead({"token", "--jwt-secret-file", hub.secret_file(), "--kind",
                                        "device", "--sub", "boiler", "--ttl", "600"});
  CAPTURE(minted.err);
  REQUIRE(minted.code == 0);
  REQUIRE(std::ranges::count(minted.out, '\n') == 1);
  WsClient device(hub.port(), {.token = minted.out.substr(0, minted.out.size() - 1)});
  CHECK(device.expect("welcome")["subject"] == "boiler");
}

TEST_CASE("for development the hub makes its own secret and prints a link that works") {
  TempDir dir;
  const auto data = dir.path() / "data";
  Process hub(fairlead_binary(), {"serve", "--dev", "--listen", "127.0.0.1:0", "--data", data});
  std::string link;
  while (link.empty()) {
    const std::string line = hub.read_line(Deadline{kStartPatience});
    if (holds(line, "token")) link = line.substr(line.find("http://"));
  }
  const auto secret = data / "jwt.secret";
  REQUIRE(std::filesystem::exists(secret));
  CHECK((std::filesystem::status(secret).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  const auto at = link.find("token=");
  REQUIRE(at != std::string::npos);
  const auto colon = link.find(':', 7);
  const HttpClient http(static_cast<std::uint16_t>(std::stoi(link.substr(colon + 1))),
                        link.substr(at + 6, link.find_first_of(" &", at) - at - 6));
  CHECK(http.get("/v1/devices").status == 200);
}
