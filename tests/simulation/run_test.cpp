#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <set>
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
    settings_.heartbeat_ms = 500 + static_cast<std::int64_t>(random_.below(3000));
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
    // Some stay away now, and everyone is to know.
    for (const auto& device : devices_) {
      if (random_.below(2) == 0) continue;
      away_.insert(device->name());
      depart(*device);
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

  /// In one of the ways in which a peer ends its connection.
  void depart(Peer& peer) {
    switch (random_.below(4)) {
      case 0:
        peer.vanish();
        break;
      case 1:
        peer.abandon();
        break;
      case 2:
        peer.leave(1000, "");
        break;
      default:
        peer.leave(1001, "going to sleep");
    }
  }

  static auth::Principal admin() {
    return {.kind = auth::Kind::kClient,
            .tenant = "default",
            .subject = "admin",
            .scopes = auth::Scopes::all(),
            .all_devices = true};
  }

  /// An administrator closes a connection, or cuts a device off and lets it in again.
  void administer() {
    hub::Operations& operations = hub_->shard(random_.below(shard_count_)).operations();
    const Peer& peer = any_peer();
    if (random_.below(2) == 0) {
      operations.end_connection(admin(), peer.connection(), [](Result<void>) {});
    } else {
      set_disabled(ids_[random_.below(ids_.size())], random_.below(2) == 0);
    }
  }

  void set_disabled(const std::string& id, bool is_disabled) {
    protocol::DeviceWrite request;
    request.disabled = is_disabled;
    hub_->shard(random_.below(shard_count_))
        .operations()
        .write_device(admin(), id, request, false, [](Result<hub::Written>) {});
  }

  /// Now and then something goes wrong.
  void disturb() {
    if (random_.below(700) == 0) {
      hub_.reset();
      // The number of shards may change from life to life.
      shard_count_ = 1 + random_.below(3);
      start_hub();
    }
    if (random_.below(60) == 0) depart(any_peer());
    if (random_.below(100) == 0) administer();
    if (random_.below(80) == 0) disk_.fail_next(1 + random_.below(3));
    if (random_.below(150) == 0) disk_.set_broken(true);
    if (random_.below(20) == 0) disk_.set_broken(false);
  }

  /// One step of one part, whichever.
  void work() {
    const std::size_t pick = random_.below(1000);
    switch (random_.below(10)) {
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
      case 8:
        hub_->step_told(random_.below(shard_count_));
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
      if (round % 100 == 0) {
        for (const std::string& id : ids_) set_disabled(id, false);
      }
      each_peer([&](Peer& peer) {
        if (away_.contains(peer.name())) return;
        if (!peer.is_connected()) hub_->accept(peer.connect(), random_.below(shard_count_));
        peer.act(random_, clock_);
        while (peer.read_one()) {
        }
        is_settled = is_settled && peer.is_settled();
      });
      bool did_work = false;
      for (std::size_t shard = 0; shard < shard_count_; ++shard) {
        while (hub_->step_told(shard) || hub_->step_mail(shard)) did_work = true;
      }
      while (hub_->step_network(round) || hub_->step_flush(round, 100)) did_work = true;
      while (hub_->step_writer() || hub_->step_reader()) did_work = true;
      clock_.advance(50);
      hub_->step_timers();
      // What the store refused is tried again within a second.
      const bool is_retried = round > 40;
      if (is_retried && is_settled && !did_work && hub_->is_quiet() && seen_all() && is_alone()) {
        return;
      }
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
                             is_true_presence(*client, rows.device) ? "the truth" : "no truth");
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
        if (!is_true_presence(*client, rows.device)) return false;
      }
    }
    return true;
  }

  /// What the client was told of the device's presence is how it is.
  bool is_true_presence(const SimClient& client, const devices::Device& device) const {
    const auto known = client.presence().find(device.id);
    if (known == client.presence().end()) return false;
    const SimClient::Presence& presence = known->second;
    if (presence.is_connected == away_.contains(device.id)) return false;
    // Unless it comes from a snapshot, which does not say.
    return presence.session == 0 || presence.is_connected || presence.session == device.session;
  }

  /// The hub has no connections but those that the peers have.
  bool is_alone() {
    std::size_t sessions = 0;
    for (std::size_t shard = 0; shard < shard_count_; ++shard) {
      sessions += hub_->shard(shard).gauges().sessions;
    }
    std::size_t peers = 0;
    each_peer([&peers](const Peer& peer) { peers += peer.is_connected() ? 1 : 0; });
    return sessions == peers;
  }

  void check() {
    for (const auto& device : devices_) check_device(*device);
    check_logs();
    check_registry();
  }

  /// Each connection has one row, with an end exactly when it has ended.
  void check_logs() {
    std::set<std::string> living;
    each_peer([&living](const Peer& peer) {
      if (peer.is_connected()) living.insert(peer.connection());
    });
    std::set<std::string> open;
    for (const auto& [id, log] : disk_.state().logs) {
      if (!log.disconnected_at) {
        open.insert(id);
        continue;
      }
      CHECK_MESSAGE(log.code != 0, id);
      CHECK_MESSAGE(!log.reason.empty(), id);
      CHECK_MESSAGE(*log.disconnected_at >= log.connected_at, id);
    }
    CHECK(open == living);
    // A device is welcome when its beginning is stored; a crash can forget a client's.
    for (const auto& device : devices_) {
      for (const std::string& id : device->connections()) {
        CHECK_MESSAGE(disk_.state().logs.contains(id), id);
      }
    }
    for (const auto& client : clients_) {
      for (const std::string& id : client->connections()) {
        if (is_of_this_life(id)) CHECK_MESSAGE(disk_.state().logs.contains(id), id);
      }
    }
  }

  bool is_of_this_life(const std::string& connection) const {
    const std::string first = Ulid(static_cast<std::int64_t>(lives_), 0, 0).text('c');
    return connection.starts_with(first.substr(0, 12));
  }

  void check_registry() {
    std::size_t connected = 0;
    for (std::size_t shard = 0; shard < shard_count_; ++shard) {
      connected += hub_->shard(shard).gauges().connected_devices;
    }
    CHECK(connected == devices_.size() - away_.size());
    for (const auto& [key, rows] : disk_.state().devices) {
      const devices::Device& device = rows.device;
      hub::Home& home = hub_->shard(hub_->shard(0).home_of(device.tenant, device.id)).home();
      const auto ref = home.devices().find(device.tenant, device.id);
      REQUIRE(ref.has_value());
      const bool is_here = !away_.contains(device.id);
      CHECK(home.is_connected(*ref) == is_here);
      CHECK(home.devices().is_connected(*ref) == is_here);
      CHECK(home.devices().device(*ref) == device);
      for (const auto& client : clients_) check_presence(*client, device);
    }
  }

  /// The last end was told with the reason that stands in the log.
  void check_presence(const SimClient& client, const devices::Device& device) const {
    CHECK(is_true_presence(client, device));
    const SimClient::Presence& presence = client.presence().at(device.id);
    if (presence.reason.empty()) return;
    std::set<std::string> reasons;
    for (const auto& [id, log] : disk_.state().logs) {
      if (log.subject == device.id && log.disconnected_at && log.code != 4409) {
        reasons.insert(log.reason);
      }
    }
    CHECK_MESSAGE(reasons.contains(presence.reason), presence.reason);
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
  /// Devices that do not come back.
  std::set<std::string> away_;
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
TEST_CASE(
    "what was acked is stored once, no watcher misses or doubles a sample, and presence, registry "
    "and log come to the truth") {
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
