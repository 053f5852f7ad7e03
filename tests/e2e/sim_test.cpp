#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <time.h>

#include <charconv>
#include <sstream>

#include "support/failure.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

/// A year of real hourly weather; `npm ci` in tests/e2e puts it there.
std::filesystem::path weather_file() {
  return source_dir() /
         "tests/e2e/node_modules/vega-datasets/data/seattle-weather-hourly-normals.csv";
}

double number(std::string_view cell) {
  double value = 0;
  const auto read = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (read.ec != std::errc{} || read.ptr != cell.data() + cell.size()) {
    throw Failure(fmt::format("not a number: \"{}\"", cell));
  }
  return value;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
  return cells;
}

/// "2010-01-01T01:00:00", which names no zone, as UTC.
std::int64_t time_ms(const std::string& text) {
  tm parts{};
  if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) {
    throw Failure("not a time: " + text);
  }
  return static_cast<std::int64_t>(::timegm(&parts)) * 1000;
}

/// The rows of the file as the history should show them: `ts` and `metrics`.
Json::Array rows_of(const std::string& csv) {
  std::istringstream in(csv);
  std::string line;
  std::getline(in, line);
  const auto names = cells_of(line);
  Json::Array rows;
  while (std::getline(in, line)) {
    const auto cells = cells_of(line);
    Json metrics = obj();
    for (std::size_t i = 1; i < cells.size(); ++i)
      metrics = metrics.with(names[i], number(cells[i]));
    rows.push_back(obj("ts", time_ms(cells[0]), "metrics", metrics));
  }
  return rows;
}

std::vector<std::string> sim(const HubProcess& hub, std::initializer_list<std::string> more) {
  std::vector<std::string> arguments = {"sim", "--url",
                                        fmt::format("ws://127.0.0.1:{}/v1/ws", hub.port()),
                                        "--jwt-secret-file", hub.secret_file()};
  arguments.insert(arguments.end(), more);
  return arguments;
}

}  // namespace

TEST_CASE(
    "a year of recorded weather is streamed at full speed and found back reading by reading") {
  const std::string csv = read_file(weather_file());
  REQUIRE_MESSAGE(!csv.empty(), "npm ci in tests/e2e brings " << weather_file());
  const auto expected = rows_of(csv);
  REQUIRE(expected.size() == 8759);
  const HubProcess hub({.settings = {"limits.messages_per_second=100000", "limits.burst=100000"}});
  Process process(fairlead_binary(),
                  sim(hub, {"--devices", "2", "--csv", weather_file(), "--prefix", "weather-"}));
  const int code = process.wait(Deadline{Milliseconds{120'000}});
  CAPTURE(process.output());
  CAPTURE(process.errors());
  REQUIRE(code == 0);
  for (const char* id : {"weather-1", "weather-2"}) {
    const auto rows = hub.http().list(fmt::format("/v1/devices/{}/telemetry", id));
    REQUIRE(rows.size() == expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i]["ts"] != expected[i]["ts"] || rows[i]["metrics"] != expected[i]["metrics"]) {
        FAIL(
            fmt::format("row {}: {} was sent, {} is there", i, expected[i].dump(), rows[i].dump()));
      }
    }
  }
}

TEST_CASE("a simulated fleet registers, streams, obeys commands and ends with a summary") {
  const HubProcess hub;
  WsClient client = hub.client();
  client.ack(obj("type", "subscribe", "devices", arr("fleet-*")));
  Process process(fairlead_binary(), sim(hub, {"--devices", "5", "--rate", "5", "--prefix",
                                               "fleet-", "--vanish-every", "2"}));
  const Json event = client.expect_until("telemetry");
  const std::string id = event["device"].as_string();
  CHECK(event["metrics"].size() > 0);
  const auto http = hub.http();
  CHECK(eventually([&] { return http.list("/v1/devices?prefix=fleet-").size() == 5; }));
  const Json device = hub.http().get("/v1/devices/" + id).json();
  CHECK(device["device_type"].is_string());
  CHECK(device["capabilities"]["metrics"].size() > 0);
  REQUIRE(device["capabilities"]["commands"].size() > 0);
  // Without parameters some of its commands are invalid; one of them has none.
  std::string key;
  for (const auto& [name, declared] : device["capabilities"]["commands"].members()) {
    const Json reply = client.request(obj("type", "command.send", "device", id, "name", name,
                                          "delivery", "queue", "timeout_ms", 60'000));
    if (reply["type"] == "ack") key = reply["command"].as_string();
  }
  if (!key.empty()) {
    const Json last = client.expect_until([&](const Json& update) {
      return update["type"] == "command.update" && update["command"] == key &&
             (update["status"] == "executed" || update["status"] == "failed");
    });
    CHECK(last["device"] == id);
  }
  // One of them vanishes and comes back.
  client.expect_until([](const Json& presence) {
    return presence["type"] == "presence" && presence["connected"] == true &&
           presence["session"].as_int() > 1;
  });
  process.signal(SIGINT);
  CHECK(process.wait() == 0);
  CHECK(process.errors().empty());
}

TEST_CASE("a simulated fleet that finds no hub says so and fails") {
  TempDir dir;
  const auto secret = dir.write("secret", kSecret);
  const Finished finished =
      run_fairlead({"sim", "--url", "ws://127.0.0.1:9/v1/ws", "--jwt-secret-file", secret,
                    "--devices", "1", "--rate", "1", "--duration", "1"});
  CAPTURE(finished.out);
  CAPTURE(finished.err);
  CHECK(finished.code == 1);
  CHECK(!finished.err.empty());
}
