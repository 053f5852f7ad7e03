// The account of what a slow reader gets: stored = delivered + dropped, for each subscription.
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "harness.h"
#include "protocol/names.h"

namespace fairlead::hub {
namespace {

using support::Json;

std::string batch(std::uint64_t samples) {
  std::string list;
  for (std::uint64_t i = 0; i < samples; ++i) {
    list += fmt::format(R"({}{{"metrics":{{"a":{}}}}})", i == 0 ? "" : ",", i);
  }
  return R"({"type":"telemetry.batch","samples":[)" + list + "]}";
}

/// A client that keeps account of its subscriptions.
class Reader {
 public:
  explicit Reader(std::shared_ptr<Line> line) : line_(std::move(line)) { line_->take(); }

  Line& line() { return *line_; }

  void subscribed(const std::string& pattern) {
    for (const Json& message : line_->take()) {
      if (message["type"] != "ack") {
        read(message);
        continue;
      }
      Account account{.pattern = pattern};
      for (const Json& device : message["devices"].items()) {
        account.first[device["id"].as_string()] = device["offset"].as_int();
      }
      accounts_[message["subscription"].as_string()] = account;
    }
  }
  void unsubscribed(const std::string& subscription) {
    read_all();
    accounts_.erase(subscription);
  }
  std::vector<std::string> subscriptions() const {
    std::vector<std::string> names;
    names.reserve(accounts_.size());
    for (const auto& [name, account] : accounts_) names.push_back(name);
    return names;
  }
  void read_all() {
    for (const Json& message : line_->take()) read(message);
  }
  void check(const std::map<std::string, std::int64_t>& stored) const {
    for (const auto& [name, account] : accounts_) {
      CAPTURE(name);
      std::int64_t selected = 0;
      for (const auto& [device, offset] : stored) {
        if (!protocol::matches(account.pattern, device)) continue;
        const auto first = account.first.find(device);
        selected += offset - (first == account.first.end() ? 0 : first->second);
      }
      CHECK(account.delivered + account.dropped == selected);
    }
  }
  std::int64_t dropped() const {
    std::int64_t all = 0;
    for (const auto& [name, account] : accounts_) all += account.dropped;
    return all;
  }

 private:
  struct Account {
    std::string pattern;
    std::map<std::string, std::int64_t> first{};
    std::int64_t delivered = 0;
    std::int64_t dropped = 0;
  };

  void read(const Json& message) {
    if (message["type"] == "lag") {
      const auto place = accounts_.find(message["subscription"].as_string());
      REQUIRE(place != accounts_.end());
      CHECK(message["dropped"].as_int() > 0);
      place->second.dropped += message["dropped"].as_int();
      return;
    }
    if (message["type"] != "telemetry") return;
    const std::string& device = message["device"].as_string();
    std::int64_t& last = last_[device];
    CHECK(message["offset"].as_int() > last);
    last = message["offset"].as_int();
    for (auto& [name, account] : accounts_) {
      if (protocol::matches(account.pattern, device)) ++account.delivered;
    }
  }

  std::shared_ptr<Line> line_;
  std::map<std::string, Account> accounts_;
  std::map<std::string, std::int64_t> last_;
};

}  // namespace

TEST_CASE("whatever readers are slow and subscriptions come and go, stored = delivered + dropped") {
  const std::vector<std::string> ids = {"a1", "a2", "b1"};
  const std::vector<std::string> patterns = {"a*", "*", "b1"};
  std::int64_t dropped = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    Harness hub(1 + random.below(3));
    std::vector<std::shared_ptr<Line>> devices;
    std::map<std::string, std::int64_t> stored;
    devices.reserve(ids.size());
    for (const std::string& id : ids) devices.push_back(hub.device(id));
    std::vector<Reader> readers;
    readers.reserve(3);
    for (int i = 0; i < 3; ++i) readers.emplace_back(hub.client());
    for (int step = 0; step < 100; ++step) {
      Reader& reader = readers[random.below(readers.size())];
      switch (random.below(6)) {
        case 0:
          hub.commit();
          reader.read_all();
          if (reader.subscriptions().size() < 4) {
            const std::string& pattern = patterns[random.below(patterns.size())];
            hub.say(reader.line(),
                    fmt::format(R"({{"type":"subscribe","id":1,"devices":["{}"]}})", pattern));
            reader.subscribed(pattern);
          }
          break;
        case 1: {
          const auto running = reader.subscriptions();
          if (running.empty()) break;
          const std::string& name = running[random.below(running.size())];
          hub.commit();
          reader.read_all();
          hub.say(reader.line(),
                  fmt::format(R"({{"type":"unsubscribe","subscription":"{}"}})", name));
          reader.unsubscribed(name);
          break;
        }
        case 2:
          reader.line().queued_bytes = hub.settings.outbox_bytes / 2;
          break;
        case 3:
          hub.catch_up(reader.line());
          break;
        default: {
          const std::size_t pick = random.below(ids.size());
          const std::uint64_t samples = 1 + random.below(5);
          stored[ids[pick]] += static_cast<std::int64_t>(samples);
          hub.say(*devices[pick], batch(samples));
          if (random.below(2) == 0) hub.commit();
        }
      }
    }
    // What was dropped is told before the next telemetry of the subscription.
    hub.commit();
    for (Reader& reader : readers) hub.catch_up(reader.line());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      stored[ids[i]] += 1;
      hub.ask(*devices[i], batch(1));
    }
    for (Reader& reader : readers) {
      reader.read_all();
      reader.check(stored);
      dropped += reader.dropped();
    }
  }
  CHECK(dropped > 0);
}

}  // namespace fairlead::hub
