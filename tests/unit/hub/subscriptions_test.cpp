#include "hub/subscriptions.h"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "protocol/names.h"

namespace fairlead::hub {
namespace {

constexpr auto kAllEvents = std::uint8_t{31};

auth::Principal watcher(const std::string& tenant = "t") {
  return {.kind = auth::Kind::kClient,
          .tenant = tenant,
          .subject = "app",
          .scopes = auth::Scopes::all(),
          .all_devices = true};
}

Selection select(std::vector<std::string> patterns, std::uint8_t events = kAllEvents) {
  return {.patterns = std::move(patterns), .events = events, .metrics = std::nullopt};
}

/// Sessions and, for each, the subscriptions that an event of the device goes to.
using Targets = std::map<SessionNumber, std::set<SubscriptionNumber>>;

Targets targets(Subscriptions& subscriptions, const std::string& device,
                protocol::EventBit event = protocol::EventBit::kTelemetry,
                const std::string& tenant = "t", protocol::DeviceRef ref = 0) {
  Targets found;
  for (const Audience& audience : subscriptions.audience(
           ref, static_cast<protocol::DeviceKey>(ref) + 1, tenant, device, event)) {
    for (const Recipient& recipient : *audience.recipients) {
      found[recipient.session].insert(recipient.subscriptions.begin(),
                                      recipient.subscriptions.end());
    }
  }
  return found;
}

constexpr Viewer kOne{.shard = 0, .session = 1};
constexpr Viewer kTwo{.shard = 1, .session = 2};

}  // namespace

TEST_CASE("ids, prefixes of every length and the star match, of the own tenant only") {
  Subscriptions subscriptions;
  subscriptions.add(kOne, protocol::Codec::kJson, watcher(), 1, select({"boiler-7"}));
  subscriptions.add(kOne, protocol::Codec::kJson, watcher(), 2, select({"boiler-*", "pump"}));
  subscriptions.add(kTwo, protocol::Codec::kJson, watcher("other"), 1, select({"*"}));
  CHECK(targets(subscriptions, "boiler-7") == Targets{{1, {1, 2}}});
  CHECK(targets(subscriptions, "boiler-70", protocol::EventBit::kTelemetry, "t", 1) ==
        Targets{{1, {2}}});
  CHECK(targets(subscriptions, "boiler", protocol::EventBit::kTelemetry, "t", 2).empty());
  CHECK(targets(subscriptions, "boiler-7", protocol::EventBit::kTelemetry, "other", 3) ==
        Targets{{2, {1}}});
}

TEST_CASE("what changes is seen by the next event") {
  Subscriptions subscriptions;
  CHECK(targets(subscriptions, "boiler").empty());
  subscriptions.add(kOne, protocol::Codec::kJson, watcher(), 1, select({"*"}));
  CHECK(targets(subscriptions, "boiler") == Targets{{1, {1}}});
  subscriptions.add(kTwo, protocol::Codec::kJson, watcher(), 1, select({"b*"}));
  CHECK(targets(subscriptions, "boiler").size() == 2);
  subscriptions.remove(kOne, 1);
  CHECK(targets(subscriptions, "boiler") == Targets{{2, {1}}});
  subscriptions.remove_all(kTwo);
  CHECK(targets(subscriptions, "boiler").empty());
  CHECK(subscriptions.size() == 0);
}

TEST_CASE("permissions are looked at for each event and follow a fresh token") {
  Subscriptions subscriptions;
  auth::Principal who = watcher();
  who.scopes = {auth::Scope::kTelemetryRead};
  who.all_devices = false;
  who.devices = std::vector<std::string>{"boiler-*"};
  subscriptions.add(kOne, protocol::Codec::kJson, who, 1, select({"*"}));
  CHECK(targets(subscriptions, "boiler-1").size() == 1);
  CHECK(targets(subscriptions, "pump", protocol::EventBit::kTelemetry, "t", 1).empty());
  CHECK(targets(subscriptions, "boiler-1", protocol::EventBit::kPresence).empty());
  who.devices = std::vector<std::string>{"pump"};
  who.scopes = auth::Scopes::all();
  subscriptions.set_principal(kOne, who);
  CHECK(targets(subscriptions, "boiler-1").empty());
  CHECK(targets(subscriptions, "pump", protocol::EventBit::kPresence, "t", 1).size() == 1);
}

TEST_CASE("several subscriptions of one connection get one event: all their metrics, soonest") {
  Subscriptions subscriptions;
  Selection one = select({"*"});
  one.metrics = std::vector<std::string>{"a", "c"};
  one.min_interval_ms = 500;
  Selection two = select({"b*"});
  two.metrics = std::vector<std::string>{"b"};
  two.min_interval_ms = 200;
  subscriptions.add(kOne, protocol::Codec::kJson, watcher(), 1, one);
  subscriptions.add(kOne, protocol::Codec::kJson, watcher(), 2, two);
  const auto audience = subscriptions.audience(0, 1, "t", "boiler", protocol::EventBit::kTelemetry);
  REQUIRE(audience.size() == 1);
  CHECK(audience[0].metrics == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(audience[0].recipients->size() == 1);
  CHECK(audience[0].recipients->front().min_interval_ms == 200);
  subscriptions.add(kOne, protocol::Codec::kJson, watcher(), 3, select({"boiler"}));
  CHECK_FALSE(subscriptions.audience(0, 1, "t", "boiler", protocol::EventBit::kTelemetry)[0]
                  .metrics.has_value());
}

TEST_CASE("connections that hear the same words of one shard share a frame") {
  Subscriptions subscriptions;
  for (SessionNumber session = 1; session <= 3; ++session) {
    subscriptions.add({.shard = 0, .session = session}, protocol::Codec::kJson, watcher(), 1,
                      select({"*"}));
  }
  subscriptions.add({.shard = 0, .session = 4}, protocol::Codec::kCbor, watcher(), 1,
                    select({"*"}));
  subscriptions.add({.shard = 1, .session = 5}, protocol::Codec::kJson, watcher(), 1,
                    select({"*"}));
  CHECK(subscriptions.audience(0, 1, "t", "x", protocol::EventBit::kTelemetry).size() == 3);
}

TEST_CASE("a device that is being replayed is left out, of its telemetry only") {
  Subscriptions subscriptions;
  subscriptions.add(kOne, protocol::Codec::kJson, watcher(), 1, select({"*"}));
  subscriptions.set_catching_up(kOne, 1, 1, true);
  CHECK(targets(subscriptions, "boiler").empty());
  CHECK(targets(subscriptions, "boiler", protocol::EventBit::kPresence).size() == 1);
  CHECK(targets(subscriptions, "pump", protocol::EventBit::kTelemetry, "t", 1).size() == 1);
  subscriptions.set_catching_up(kOne, 1, 1, false);
  CHECK(targets(subscriptions, "boiler").size() == 1);
}

TEST_CASE("the index agrees with looking at every subscription, through thousands of changes") {
  SeededRandom random(7);
  Subscriptions subscriptions;
  std::map<std::pair<SessionNumber, SubscriptionNumber>, std::vector<std::string>> truth;
  const auto word = [&random](std::size_t longest) {
    std::string text;
    for (std::size_t i = random.below(longest) + 1; i > 0; --i) {
      text.push_back(static_cast<char>('a' + random.below(2)));
    }
    return text;
  };
  for (SubscriptionNumber step = 1; step <= 3000; ++step) {
    const SessionNumber session = 1 + random.below(5);
    const Viewer viewer{.shard = session % 2, .session = session};
    if (random.below(3) > 0) {
      std::vector<std::string> patterns;
      for (std::size_t i = random.below(3) + 1; i > 0; --i) {
        patterns.push_back(random.below(2) == 0 ? word(4) : word(3) + "*");
      }
      truth[{session, step}] = patterns;
      subscriptions.add(viewer, protocol::Codec::kJson, watcher(), step, select(patterns));
    } else if (random.below(8) == 0) {
      subscriptions.remove_all(viewer);
      std::erase_if(truth, [session](const auto& entry) { return entry.first.first == session; });
    } else if (!truth.empty()) {
      auto gone = truth.begin();
      std::advance(gone, static_cast<std::ptrdiff_t>(random.below(truth.size())));
      const auto [owner, number] = gone->first;
      subscriptions.remove({.shard = owner % 2, .session = owner}, number);
      truth.erase(gone);
    }
    const std::string device = word(5);
    Targets expected;
    for (const auto& [name, patterns] : truth) {
      for (const std::string& pattern : patterns) {
        if (protocol::matches(pattern, device)) expected[name.first].insert(name.second);
      }
    }
    CHECK(targets(subscriptions, device, protocol::EventBit::kStatus) == expected);
  }
}

}  // namespace fairlead::hub
