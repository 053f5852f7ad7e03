#include "devices/service.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/hand_clock.h"
#include "support/hand_store.h"

namespace fairlead::devices {
namespace {

using Told = std::vector<std::string>;

class Fixture : public EventSink {
 public:
  Fixture() : store(clock), service(store.shard(), *this, clock, {.first = 1, .step = 2}) {}

  void entry_changed(protocol::DeviceRef ref, Change change) override {
    told.push_back((change == Change::kRegistered ? "registered " : "updated ") +
                   service.device(ref).id);
  }
  void entry_deleted(protocol::DeviceRef ref) override {
    told.push_back("deleted " + service.device(ref).id);
  }
  void entry_forgotten(protocol::DeviceRef ref) override { forgotten.push_back(ref); }
  void status_changed(protocol::DeviceRef ref, std::int64_t) override {
    told.push_back("status " + *service.device(ref).about->status);
  }
  void presence_changed(protocol::DeviceRef, const Presence& presence) override {
    told.push_back(fmt::format("{} {} {}", presence.is_connected ? "on" : "off", presence.session,
                               presence.reason));
  }

  protocol::DeviceRef add(const std::string& id, const std::string& tenant = "t") {
    return service.find_or_add(tenant, id).value();
  }
  /// Connects and commits; the session's number.
  std::int64_t connect(protocol::DeviceRef ref) {
    std::int64_t number = 0;
    service.connect(ref, [&number](Result<std::int64_t> session) { number = session.value(); });
    store.commit_all();
    return number;
  }
  void write(protocol::DeviceRef ref, const protocol::DeviceRegister& entry) {
    service.register_device(ref, entry, [this](Result<void> result) { results.push_back(result); });
  }

  support::HandClock clock;
  support::HandStore store;
  Service service;
  Told told;
  std::vector<protocol::DeviceRef> forgotten;
  std::vector<Result<void>> results;
};

protocol::DeviceRegister named(const std::string& name) {
  protocol::DeviceRegister entry;
  entry.name = std::optional(name);
  return entry;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the first connect registers a device and then tells its presence") {
  const auto ref = add("boiler");
  CHECK_FALSE(service.find("t", "boiler").has_value());
  CHECK(connect(ref) == 1);
  CHECK(told == Told{"registered boiler", "on 1 "});
  CHECK(service.find("t", "boiler") == ref);
  CHECK(service.is_connected(ref));
}

TEST_CASE_FIXTURE(Fixture, "a takeover raises the session and tells nothing") {
  const auto ref = add("boiler");
  const auto first = connect(ref);
  told.clear();
  CHECK(connect(ref) == 2);
  service.disconnect(ref, first, "replaced", clock.now_ms());
  store.commit_all();
  CHECK(told.empty());
  CHECK(service.is_connected(ref));
}

TEST_CASE_FIXTURE(Fixture, "an end is told with its reason after its commit") {
  const auto ref = add("boiler");
  const auto session = connect(ref);
  told.clear();
  service.disconnect(ref, session, "heartbeat timeout", clock.now_ms());
  CHECK(told.empty());
  store.commit_all();
  CHECK(told == Told{"off 1 heartbeat timeout"});
}

TEST_CASE_FIXTURE(Fixture, "an end whose commit failed is written again and told once") {
  const auto ref = add("boiler");
  const auto session = connect(ref);
  told.clear();
  service.disconnect(ref, session, "connection lost", clock.now_ms());
  store.fail_all();
  CHECK(told.empty());
  CHECK(service.is_connected(ref));
  service.retry();
  store.commit_all();
  CHECK(told == Told{"off 1 connection lost"});
  service.retry();
  store.commit_all();
  CHECK(told.size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "an end that waits to be written again is void once the device is back") {
  const auto ref = add("boiler");
  const auto session = connect(ref);
  service.disconnect(ref, session, "connection lost", clock.now_ms());
  store.fail_all();
  connect(ref);
  told.clear();
  service.retry();
  store.commit_all();
  CHECK(told.empty());
  CHECK(service.is_connected(ref));
}

TEST_CASE_FIXTURE(Fixture, "a register merges: what is absent stays, null clears") {
  const auto ref = add("boiler");
  protocol::DeviceRegister entry = named("Boiler 7");
  entry.firmware = std::optional<std::string>("1.0");
  write(ref, entry);
  store.commit_all();
  entry = {};
  entry.name = std::optional<std::string>();
  write(ref, entry);
  store.commit_all();
  CHECK_FALSE(service.device(ref).about->name.has_value());
  CHECK(service.device(ref).about->firmware == "1.0");
  CHECK(told == Told{"registered boiler", "updated boiler"});
}

TEST_CASE_FIXTURE(Fixture, "a register that changes nothing writes nothing and tells nothing") {
  const auto ref = add("boiler");
  write(ref, named("x"));
  store.commit_all();
  told.clear();
  const std::size_t commits = store.disk().commits();
  write(ref, named("x"));
  CHECK(results.size() == 2);
  store.commit_all();
  CHECK(store.disk().commits() == commits);
  CHECK(told.empty());
}

TEST_CASE_FIXTURE(Fixture, "two changes on their way build on each other") {
  const auto ref = add("boiler");
  write(ref, named("x"));
  protocol::DeviceRegister entry;
  entry.device_type = std::optional<std::string>("boiler");
  write(ref, entry);
  store.commit_all();
  CHECK(service.device(ref).about->name == "x");
  CHECK(service.device(ref).about->device_type == "boiler");
  CHECK(told == Told{"registered boiler", "updated boiler"});
}

TEST_CASE_FIXTURE(Fixture, "a new entry whose commit fails is forgotten, and its place is free") {
  const auto ref = add("boiler");
  write(ref, named("x"));
  write(ref, named("y"));
  store.fail_all();
  REQUIRE(results.size() == 2);
  CHECK(results[0].error().code == Code::kOverloaded);
  CHECK(results[1].error().code == Code::kOverloaded);
  CHECK(forgotten == std::vector<protocol::DeviceRef>{ref});
  CHECK(told.empty());
  CHECK(add("pump") == ref);
  CHECK(service.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a failed change leaves what is stored") {
  const auto ref = add("boiler");
  write(ref, named("x"));
  store.commit_all();
  write(ref, named("y"));
  store.fail_all();
  CHECK(service.device(ref).about->name == "x");
  CHECK(service.admitted(ref).about->name == "x");
}

TEST_CASE_FIXTURE(Fixture, "while a device is being deleted nobody finds or makes it") {
  const auto ref = add("boiler");
  connect(ref);
  told.clear();
  service.remove(ref, [this](Result<void> result) { results.push_back(result); });
  CHECK_FALSE(service.find("t", "boiler").has_value());
  CHECK_FALSE(service.find_or_add("t", "boiler").has_value());
  SUBCASE("then it is gone and its key is never given again") {
    const auto key = service.device(ref).key;
    store.commit_all();
    CHECK(told == Told{"deleted boiler"});
    CHECK(service.admitted(add("boiler")).key > key);
  }
  SUBCASE("unless that failed") {
    store.fail_all();
    CHECK(results.back().error().code == Code::kOverloaded);
    CHECK(service.find("t", "boiler") == ref);
  }
}

TEST_CASE_FIXTURE(Fixture, "devices are walked by id, within a tenant, from behind a cursor on") {
  for (const char* id : {"a-2", "b-1", "a-1", "a-3"}) connect(add(id));
  connect(add("a-0", "other"));
  connect(add("a-9", "t2"));
  const auto walk = [this](std::string_view prefix, std::string_view after) {
    std::vector<std::string> ids;
    service.each("t", prefix, after, [&](protocol::DeviceRef ref) {
      ids.push_back(service.device(ref).id);
      return ids.size() < 2;
    });
    return ids;
  };
  CHECK(walk("", "") == std::vector<std::string>{"a-1", "a-2"});
  CHECK(walk("", "a-2") == std::vector<std::string>{"a-3", "b-1"});
  CHECK(walk("a-", "a-2") == std::vector<std::string>{"a-3"});
  CHECK(walk("b", "a") == std::vector<std::string>{"b-1"});
  CHECK(walk("c", "").empty());
}

TEST_CASE_FIXTURE(Fixture, "keys of one shard follow its series") {
  CHECK(service.admitted(add("a")).key == 1);
  CHECK(service.admitted(add("b")).key == 3);
}

TEST_CASE("a device is written as the protocol says") {
  Device device;
  device.id = "boiler-7";
  device.about = Description{.capabilities = R"({"metrics":{}})", .status = "ok"};
  device.session = 3;
  device.created_at = 1;
  device.updated_at = 2;
  std::string json;
  write_json(json, device, {.is_connected = true, .offset = 9, .last_seen = 5});
  CHECK(json ==
        R"({"id":"boiler-7","name":null,"device_type":null,"firmware":null,)"
        R"("capabilities":{"metrics":{}},"metadata":null,"status":"ok","status_detail":null,)"
        R"("connected":true,"session":3,"last_seen":5,"disabled":false,"offset":9,)"
        R"("created_at":1,"updated_at":2})");
}

}  // namespace fairlead::devices
