// The kernel refuses every write beyond a file size that is set from outside: to the hub that is a
// disk that has filled up, and room again when the bound is lifted.
#include <doctest/doctest.h>
#include <sys/resource.h>

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

}  // namespace

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
