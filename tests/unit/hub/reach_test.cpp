#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "harness.h"
#include "protocol/names.h"

namespace fairlead::hub {
namespace {

using Ids = std::set<std::string>;

std::string word(Random& random, std::size_t longest) {
  std::string text;
  for (std::size_t i = random.below(longest) + 1; i > 0; --i) {
    text.push_back(static_cast<char>('a' + random.below(2)));
  }
  return text;
}

}  // namespace

TEST_CASE("a snapshot has what is asked for and permitted, however the two overlap") {
  SeededRandom random(11);
  Harness hub(2);
  Ids ids;
  for (int i = 0; i < 60; ++i) ids.insert(word(random, 6));
  for (const std::string& id : ids) {
    REQUIRE(hub.shard(hub.shard().home_of("t", id)).home().find_or_add("t", id));
    hub.hang_up(*hub.device(id));
  }
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> allowed;
    for (std::size_t i = random.below(4) + 1; i > 0; --i) {
      allowed.push_back(word(random, 3) + (random.below(2) == 0 ? "*" : ""));
    }
    if (random.below(10) == 0) allowed.emplace_back("*");
    const std::string asked = random.below(4) == 0 ? "*" : word(random, 3) + "*";
    Ids expected;
    for (const std::string& id : ids) {
      const bool is_allowed = std::ranges::any_of(
          allowed, [&id](const std::string& each) { return protocol::matches(each, id); });
      if (is_allowed && protocol::matches(asked, id)) expected.insert(id);
    }
    const auto client = hub.client_of(allowed);
    const support::Json ack =
        hub.ask(*client, fmt::format(R"({{"type":"subscribe","id":1,"devices":["{}"]}})", asked));
    Ids found;
    for (const support::Json& device : ack["devices"].items()) {
      found.insert(device["id"].as_string());
    }
    CAPTURE(asked);
    CHECK(found == expected);
    hub.hang_up(*client);
  }
}

TEST_CASE("of more than a snapshot holds it has the first, of those that are permitted") {
  Harness hub;
  for (int i = 0; i < 1100; ++i) {
    for (const char* kind : {"a", "b"}) {
      const auto ref = hub.shard().home().find_or_add("t", fmt::format("{}{:04}", kind, i));
      REQUIRE(ref);
      hub.shard().home().devices().set_status(*ref, {.status = "ok", .detail = {}},
                                              [](Result<void>) {});
    }
  }
  hub.commit();
  const auto client = hub.client_of({"b1*", "a00*", "b00*", "a0001", "b0*"});
  const support::Json ack = hub.ask(*client, R"({"type":"subscribe","id":1,"devices":["*"]})");
  const auto& devices = ack["devices"].items();
  REQUIRE(devices.size() == 1000);
  CHECK(ack["truncated"] == true);
  CHECK(devices.front()["id"] == "a0000");
  CHECK(devices[99]["id"] == "a0099");
  CHECK(devices[100]["id"] == "b0000");
  CHECK(devices.back()["id"] == "b0899");
}

}  // namespace fairlead::hub
