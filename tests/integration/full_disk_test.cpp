// The kernel refuses every write beyond a file size that is set from outside: to the hub that is a
// disk that has filled up, and room again when the bound is lifted.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>

#include "support/hub_process.h"

using namespace fairlead::support;

namespace {

void set_largest_file(HubProcess& hub, rlim_t bytes) {
  const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
  REQUIRE(prlimit(hub.process().pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
}

Json sample(int seq) {
  return obj("type", "telemetry", "id", seq, "seq", seq, "epoch", "e", "metrics", obj("n", seq));
}

/// A file system in memory over a directory, which goes away with this object.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path place, const std::string& size) : place_(std::move(place)) {
    is_there_ = ::mount("tmpfs", place_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  ~SmallDisk() {
    if (is_there_) ::umount2(place_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// False without the right to mount.
  bool is_there() const { return is_there_; }
  void resize(const std::string& size) {
    REQUIRE(::mount("tmpfs", place_.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()) == 0);
  }

 private:
  const std::filesystem::path place_;
  bool is_there_ = false;
};

/// 20 samples of about 2 KB.
Json big_samples(int first) {
  Json::Array samples;
  for (int seq = first; seq < first + 20; ++seq) {
    samples.push_back(obj("seq", seq, "ts", 1000 * seq, "metrics",
                          obj("n", seq, "a", std::string(1000, 'a'), "b", std::string(1000, 'b'))));
  }
  return obj("type", "telemetry.batch", "id", first, "epoch", "e", "samples", samples);
}

std::size_t files_with(const std::filesystem::path& directory, std::string_view end) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    count += entry.path().string().ends_with(end) ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE(
    "a disk that is full while segments are sealed costs nothing, and all goes on by itself") {
  HubProcess hub({.settings = {"store.segment_rows=400", "limits.burst=100000",
                               "limits.messages_per_second=100000"}});
  REQUIRE(hub.stop() == 0);
  SmallDisk disk(hub.data(), "12m");
  if (!disk.is_there()) {
    MESSAGE("not tested: mounting is not allowed here");
    return;
  }
  hub.start();
  WsClient device = hub.device("boiler");
  int next = 1;
  Json answer;
  do {
    device.send(big_samples(next));
    answer = device.receive();
    if (answer["type"] == "ack") next += 20;
  } while (answer["type"] == "ack" && next < 20'000);
  CHECK(answer["code"] == "overloaded");
  REQUIRE(eventually([&] {
    return hub.process().errors().find("telemetry cannot be sealed") != std::string::npos ||
           hub.anonymous().get("/readyz").status == 503;
  }));
  // A backup beside it finds no room either, and leaves none taken.
  const std::string out = (hub.data() / "backup.db").string();
  const Finished backup = run_fairlead({"backup", "--data", hub.data().string(), "--out", out});
  CHECK(backup.code == 1);
  CHECK(files_with(hub.data(), ".new") + files_with(hub.data(), "-journal") == 0);

  disk.resize("200m");
  REQUIRE(eventually([&] { return hub.anonymous().get("/readyz").status == 200; }));
  for (const int end = next + 400; next < end; next += 20) {
    CHECK(device.ack(big_samples(next))["last_seq"] == next + 19);
  }
  const int last = next - 1;
  // All that is full is sealed in the end, what was begun before included.
  REQUIRE(eventually([&] {
    return files_with(hub.data() / "segments", ".db") >= static_cast<std::size_t>(last / 400);
  }));
  CHECK(files_with(hub.data() / "segments", ".new") == 0);
  const Json::Array rows = hub.http().list("/v1/devices/boiler/telemetry?metrics=n");
  REQUIRE(rows.size() == static_cast<std::size_t>(last));
  for (int n = 1; n <= last; ++n) {
    REQUIRE(rows[static_cast<std::size_t>(n) - 1]["metrics"]["n"] == n);
    REQUIRE(rows[static_cast<std::size_t>(n) - 1]["offset"] == n);
  }
  CHECK(hub.stop() == 0);
  const Finished checked = run_fairlead({"check", "--data", hub.data().string()});
  CHECK_MESSAGE(checked.code == 0, checked.out);
}

TEST_CASE("with a full disk nothing is acked, the hub says so, and goes on when there is room") {
  HubProcess hub;
  WsClient device = hub.device("boiler");
  device.ack(sample(1));
  CHECK(hub.anonymous().get("/readyz").status == 200);

  set_largest_file(hub, 1);
  device.send(sample(2));
  const Json refused = device.expect_error("overloaded");
  CHECK(refused["id"] == 2);
  CHECK(refused["retry_after_ms"].as_int() > 0);
  const auto failing = hub.anonymous().get("/readyz");
  CHECK(failing.status == 503);
  CHECK(failing.json()["failing"][0]["part"] == "store");
  CHECK(hub.http().post("/v1/devices/boiler/telemetry", obj("metrics", obj("n", 1))).status == 503);
  // A device that the hub could not remember is not welcomed; who wants to look may.
  WsClient other(hub.port(), {.token = hub.sign(Token::device("pump"))});
  other.expect_error("overloaded");
  other.expect_close(1011);
  WsClient client = hub.client();

  set_largest_file(hub, RLIM_INFINITY);
  REQUIRE(eventually([&] { return hub.anonymous().get("/readyz").status == 200; }));
  // Sent again under its number, and nothing was lost or doubled in between.
  CHECK(device.ack(sample(2))["last_seq"] == 2);
  CHECK(device.ack(sample(3))["last_seq"] == 3);
  const Json rows = hub.http().get("/v1/devices/boiler/telemetry").json()["items"];
  REQUIRE(rows.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(rows[i]["offset"] == static_cast<std::int64_t>(i) + 1);
    CHECK(rows[i]["metrics"]["n"] == static_cast<std::int64_t>(i) + 1);
  }
  hub.device("pump");
  CHECK(hub.stop() == 0);
}
