// Pages of lists that are gathered from all shards.
#include "hub/listing.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness.h"

namespace fairlead::hub {
namespace {

constexpr int kDevices = 100'000;

auth::Principal reader() {
  return {.kind = auth::Kind::kClient,
          .tenant = "t",
          .subject = "app",
          .scopes = auth::Scopes::all(),
          .all_devices = true};
}

/// Many devices, of which every 1000th is a `rare` one.
void fill(Harness& hub) {
  for (int i = 0; i < kDevices; ++i) {
    devices::Device device;
    device.key = i + 1;
    device.tenant = "t";
    device.id = fmt::format("d-{:06}", i);
    if (i % 1000 == 0) device.about = devices::Description{.device_type = "rare"};
    const std::size_t home = hub.shard().home_of("t", device.id);
    hub.shard(home).home().restore(std::move(device), {}, {});
  }
}

DeviceFilter of_type(const std::string& type) {
  DeviceFilter filter;
  filter.device_type = type;
  return filter;
}

DeviceFilter connected() {
  DeviceFilter filter;
  filter.connected = true;
  return filter;
}

JsonPage page_of(Harness& hub, const DeviceFilter& filter, const std::string& after) {
  std::optional<JsonPage> page;
  hub.shard().operations().list_devices(reader(), filter, after, 100, [&page](auto result) {
    REQUIRE(result.has_value());
    page = std::move(*result);
  });
  hub.run();
  REQUIRE(page.has_value());
  return std::move(*page);
}

/// All pages; how many there were.
std::vector<std::string> walk(Harness& hub, const DeviceFilter& filter, int& pages) {
  std::vector<std::string> items;
  std::string after;
  for (pages = 1;; ++pages) {
    JsonPage page = page_of(hub, filter, after);
    for (std::string& item : page.items) items.push_back(std::move(item));
    if (!page.next) return items;
    CHECK(*page.next > after);
    after = *page.next;
  }
}

}  // namespace

TEST_CASE("pages of any filter together have each device once, in order, in bounded work a page") {
  Harness hub(3);
  fill(hub);
  int pages = 0;
  const auto all = walk(hub, {}, pages);
  CHECK(all.size() == kDevices);
  CHECK(pages == kDevices / 100);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == kDevices);
  CHECK(std::ranges::is_sorted(all));
  CHECK(walk(hub, of_type("rare"), pages).size() == kDevices / 1000);
  // A page of a filter that fits nothing ends where a shard has looked at enough.
  CHECK(walk(hub, connected(), pages).empty());
  CHECK(pages >= static_cast<int>(kDevices / 3 / kMaxScanned));
  CHECK(pages <= static_cast<int>(kDevices / 3 / kMaxScanned + 2));
}

TEST_CASE("a shard that looks through many entries for a page serves others meanwhile") {
  Harness hub;
  fill(hub);
  std::optional<JsonPage> page;
  hub.shard().operations().list_devices(reader(), connected(), "", 100,
                                        [&page](auto result) { page = std::move(*result); });
  // What is asked later is answered earlier.
  bool is_answered = false;
  hub.shard().operations().get_device(reader(), "d-000000", [&](const Result<std::string>& json) {
    CHECK(json.has_value());
    is_answered = true;
  });
  CHECK(is_answered);
  CHECK_FALSE(page.has_value());
  hub.run();
  CHECK(page.has_value());
}

TEST_CASE("a cursor stays where it is while devices come and go") {
  Harness hub;
  fill(hub);
  const JsonPage first = page_of(hub, {}, "");
  REQUIRE(first.next == "d-000099");
  // The one that the cursor names goes; others come before and behind it.
  const auto operations = [&]() -> Operations& { return hub.shard().operations(); };
  for (const char* id : {"d-000050x", "d-000099x"}) {
    operations().write_device(reader(), id, {}, true,
                              [](const Result<Written>& done) { CHECK(done.has_value()); });
  }
  operations().delete_device(reader(), "d-000099",
                             [](Result<void> done) { CHECK(done.has_value()); });
  hub.commit();
  const JsonPage second = page_of(hub, {}, *first.next);
  REQUIRE(second.items.size() == 100);
  CHECK(second.items[0].find("d-000099x") != std::string::npos);
  CHECK(second.items[1].find("d-000100") != std::string::npos);
}

}  // namespace fairlead::hub
