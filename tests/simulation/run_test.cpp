#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "auth/mint.h"
#include "hub_life.h"
#include "peers.h"

namespace fairlead::simulation {
namespace {

/// One seeded history of a hub: a fleet and its watchers, while network, store and process fail.
class Run {
 public:
  explicit Run(std::uint64_t seed)
      : random_(seed), hub_random_(seed + 1), shard_count_(1 + random_.below(3)) {
    settings_.messages_per_second = 1'000'000;
    settings_.burst = 1'000'000;
    settings_.outbox_bytes = 16 << 20;
    for (std::size_t i = 0; i < 1 + random_.below(4); ++i) {
      const std::string id = "device-" + std::to_string(i);
      ids_.push_back(id);
      devices_.push_back(std::make_unique<SimDevice>(id, token(id, "device", "")));
    }
    for (std::size_t i = 0; i < 1 + random_.below(2); ++i) {
      const std::string name = "app-" + std::to_string(i);
      const std::string scopes =
          "telemetry:read device:read command:read command:send connection:read";
      clients_.push_back(std::make_unique<SimClient>(name, token(name, "client", scopes), ids_));
    }
    start_hub();
  }

  void play() {
    const std::size_t steps = 2000 + random_.below(2000);
    for (std::size_t step = 0; step < steps; ++step) {
      disturb();
      work();
    }
    settle();
    check();
  }

 private:
  static std::string token(const std::string& subject, const std::string& kind,
                           const std::string& scope) {
    auth::TokenClaims claims{.sub = subject, .kind = kind, .tenant = "", .scope = scope};
    claims.expires_at_ms = 4'000'000'000'000;
    return auth::mint_hs256(kSecret, claims);
  }

  void start_hub() {
    hub_ = std::make_unique<HubLife>(disk_, clock_, hub_random_, settings_, shard_count_, ++lives_);
  }

  template <typename Visit>
  void each_peer(Visit&& visit) {
    for (const auto& device : devices_) visit(*device);
    for (const auto& client : clients_) visit(*client);
  }

  Peer& any_peer() {
    const std::size_t pick = random_.below(devices_.size() + clients_.size());
    if (pick < devices_.size()) return *devices_[pick];
    return *clients_[pick - devices_.size()];
  }

  /// Now and then something goes wrong.
  void disturb() {
    if (random_.below(700) == 0) {
      hub_.reset();
      // The number of shards may change from life to life.
      shard_count_ = 1 + random_.below(3);
      start_hub();
    }
    if (random_.below(60) == 0) any_peer().vanish();
    if (random_.below(80) == 0) disk_.fail_next(1 + random_.below(3));
    if (random_.below(150) == 0) disk_.set_broken(true);
    if (random_.below(20) == 0) disk_.set_broken(false);
  }

  /// One step of one part, whichever.
  void work() {
    const std::size_t pick = random_.below(1000);
    switch (random_.below(9)) {
      case 0:
        each_peer([this](Peer& peer) {
          if (!peer.is_connected() && random_.below(3) == 0) {
            hub_->accept(peer.connect(), random_.below(shard_count_));
          }
        });
        break;
      case 1:
        any_peer().act(random_, clock_);
        break;
      case 2:
        any_peer().read_one();
        break;
      case 3:
        hub_->step_mail(random_.below(shard_count_));
        break;
      case 4:
        hub_->step_network(pick);
        break;
      case 5:
        hub_->step_flush(pick, 1 + random_.below(3));
        break;
      case 6:
        hub_->step_writer();
        break;
      case 7:
        hub_->step_reader();
        break;
      default:
        clock_.advance(static_cast<std::int64_t>(random_.below(40)));
        hub_->step_timers();
    }
  }

  /// Nothing fails any more, and everyone gets what is owed.
  void settle() {
    disk_.set_broken(false);
    disk_.fail_next(0);
    for (const auto& device : devices_) device->stop_producing();
    for (const auto& client : clients_) client->stop_commanding();
    for (std::size_t round = 0; round < 20'000; ++round) {
      bool is_settled = true;
      each_peer([&](Peer& peer) {
        if (!peer.is_connected()) hub_->accept(peer.connect(), random_.below(shard_count_));
        peer.act(random_, clock_);
        while (peer.read_one()) {
        }
        is_settled = is_settled && peer.is_settled();
      });
      bool did_work = false;
      for (std::size_t shard = 0; shard < shard_count_; ++shard) {
        while (hub_->step_mail(shard)) did_work = true;
      }
      while (hub_->step_network(round) || hub_->step_flush(round, 100)) did_work = true;
      while (hub_->step_writer() || hub_->step_reader()) did_work = true;
      clock_.advance(50);
      hub_->step_timers();
      if (is_settled && !did_work && hub_->is_quiet() && seen_all()) return;
    }
    std::string state;
    each_peer([&state](Peer& peer) {
      state += fmt::format(" {}{}", peer.name(), peer.is_settled() ? "" : " (not settled)");
    });
    for (const auto& [key, rows] : disk_.state().devices) {
      state += fmt::format("; {} has {}", rows.device.id, rows.progress.offset);
      for (const auto& client : clients_) {
        const auto seen = client->seen().find(rows.device.id);
        state += fmt::format(", {} saw {} and {}", client->name(),
                             seen == client->seen().end() ? -1 : seen->second,
                             client->has_presence_of(rows.device.id) ? "presence" : "no presence");
      }
    }
    throw Broken("the hub did not come to rest:" + state);
  }

  bool seen_all() const {
    for (const auto& [key, rows] : disk_.state().devices) {
      for (const auto& client : clients_) {
        const auto seen = client->seen().find(rows.device.id);
        const std::int64_t offset = seen == client->seen().end() ? 0 : seen->second;
        if (offset != rows.progress.offset) return false;
        if (!client->has_presence_of(rows.device.id)) return false;
      }
    }
    return true;
  }

  void check() const {
    for (const auto& device : devices_) check_device(*device);
    for (const auto& [id, log] : disk_.state().logs) {
      // Exactly those that live are open.
      if (!log.disconnected_at) {
        const std::string of_this_life = Ulid(static_cast<std::int64_t>(lives_), 0, 0).text('c');
        CHECK_MESSAGE(log.connection.starts_with(of_this_life.substr(0, 12)), id);
      }
    }
  }

  void check_device(const SimDevice& device) const {
    const auto key = disk_.state().keys.find({"default", device.name()});
    if (device.last_sent() == 0 && key == disk_.state().keys.end()) return;
    REQUIRE(key != disk_.state().keys.end());
    const auto& rows = disk_.state().devices.at(key->second);
    std::int64_t offset = 0;
    std::int64_t seq = 0;
    for (const telemetry::Sample& sample : rows.samples) {
      CHECK(sample.offset == ++offset);
      CHECK(sample.seq == ++seq);
      CHECK(sample.metrics == fmt::format(R"({{"value":{}}})", sample.seq));
      for (const auto& client : clients_) {
        const auto seen = client->samples().find(device.name());
        if (seen == client->samples().end()) continue;
        const auto event = seen->second.find(sample.offset);
        if (event != seen->second.end()) CHECK(event->second == sample.metrics);
      }
    }
    CHECK(seq == device.last_sent());
    CHECK(device.last_acked() == device.last_sent());
  }

  SeededRandom random_;
  SeededRandom hub_random_;
  hub::Settings settings_;
  std::size_t shard_count_;
  support::HandClock clock_;
  store::memory::Backend disk_;
  std::uint64_t lives_ = 0;
  std::vector<std::string> ids_;
  std::vector<std::unique_ptr<SimDevice>> devices_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<HubLife> hub_;
};

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* const text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

}  // namespace

// One failing seed is played again with FAIRLEAD_SIM_SEED=<seed> FAIRLEAD_SIM_SEEDS=1.
TEST_CASE("what was acked is stored once and no watcher misses or doubles a sample") {
  const std::uint64_t first = from_environment("FAIRLEAD_SIM_SEED", 1);
  const std::uint64_t count = from_environment("FAIRLEAD_SIM_SEEDS", 200);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    CAPTURE(seed);
    try {
      Run(seed).play();
    } catch (const Broken& broken) {
      FAIL("seed ", seed, ": ", std::string(broken.what()));
    }
  }
}

}  // namespace fairlead::simulation
