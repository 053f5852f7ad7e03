#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/deadline.h"
#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

/// Segments of 100 samples, so that some are sealed soon.
HubOptions in_segments() { return {.settings = {"store.segment_rows=100"}}; }

void fill(WsClient& device, int first, int last) {
  for (int n = first; n <= last; n += 50) {
    Json::Array samples;
    for (int i = n; i < n + 50; ++i) {
      samples.push_back(obj("ts", 60'000 * i, "seq", i, "metrics", obj("n", i)));
    }
    device.ack(obj("type", "telemetry.batch", "samples", samples));
  }
}

std::size_t files_in(const std::filesystem::path& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".db") && name != "index.db") ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a backup of a running hub is a store of its own") {
  HubProcess hub(in_segments());
  const std::string id = unique("meter");
  WsClient device = hub.device(id);
  fill(device, 1, 1000);
  REQUIRE(eventually([&] { return files_in(hub.data() / "segments") >= 5; }));
  const auto out = hub.data().parent_path() / (unique("backup") + ".db");
  const auto made = run_fairlead({"backup", "--data", hub.data().string(), "--out", out.string()});
  CHECK(made.code == 0);
  CHECK(made.err.find("100 %") != std::string::npos);
  // What comes after it is not in it.
  fill(device, 1001, 1050);
  const auto again = run_fairlead({"backup", "--data", hub.data().string(), "--out", out.string()});
  CHECK(again.code == 1);
  CHECK(again.err.find("is there already") != std::string::npos);

  HubProcess restored(in_segments());
  CHECK(restored.stop() == 0);
  std::filesystem::remove_all(restored.data());
  std::filesystem::create_directory(restored.data());
  std::filesystem::rename(out, restored.data() / "fairlead.db");
  restored.start();
  const auto rows = restored.http().list("/v1/devices/" + id + "/telemetry");
  REQUIRE(rows.size() == 1000);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(rows[i]["metrics"]["n"].as_int() == static_cast<std::int64_t>(i) + 1);
  }
  const auto hours =
      restored.http().list("/v1/devices/" + id + "/telemetry?bucket_ms=3600000&aggregate=count");
  CHECK(hours[1]["metrics"]["n"]["count"].as_int() == 60);
  WsClient back = restored.device(id);
  CHECK(back.ack(obj("type", "telemetry", "seq", 1000, "metrics", obj("n", 0)))["duplicates"]
            .as_int() == 1);
}

TEST_CASE("a check says that a store is whole, or what is wrong with it") {
  HubProcess hub(in_segments());
  WsClient device = hub.device(unique("meter"));
  fill(device, 1, 500);
  REQUIRE(eventually([&] { return files_in(hub.data() / "segments") >= 2; }));
  const auto whole = run_fairlead({"check", "--data", hub.data().string()});
  CHECK(whole.code == 0);
  CHECK(whole.out.find("whole") != std::string::npos);
  CHECK(hub.stop() == 0);
  {
    std::fstream file(hub.data() / "segments" / "1.db",
                      std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096 + 200);
    file << std::string(600, '\x55');
  }
  const auto damaged = run_fairlead({"check", "--data", hub.data().string()});
  CHECK(damaged.code == 1);
  CHECK(damaged.out.find("segments/1.db: ") != std::string::npos);
  const auto none = run_fairlead({"check", "--data", "/nowhere/at/all"});
  CHECK(none.code == 1);
  CHECK(none.err.find("there is no store") != std::string::npos);
}
