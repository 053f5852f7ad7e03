#include "hub_life.h"

#include <algorithm>

#include "auth/key.h"
#include "base/assert.h"
#include "base/id.h"

namespace fairlead::simulation {

namespace {

std::shared_ptr<const auth::KeySet> keys_of_simulation() {
  std::vector<auth::Key> keys;
  keys.push_back(auth::Key::from_secret(auth::Algorithm::kHs256, std::string(kSecret)).value());
  return std::make_shared<const auth::KeySet>(std::move(keys));
}

}  // namespace

class HubLife::Mail final : public hub::Peers {
 public:
  using Letter = std::move_only_function<void()>;

  explicit Mail(HubLife& life, std::size_t count) : life_(life), boxes_(count), untold_(count) {}
  std::size_t count() const override { return boxes_.size(); }
  void post(std::size_t index, hub::Task task) override {
    put(index, [this, index, task = std::move(task)]() mutable { task(life_.shard(index)); });
  }
  void deliver(std::size_t index, hub::Event event, hub::Recipients recipients) override {
    put(index, [this, index, event = std::move(event), recipients = std::move(recipients)] {
      life_.shard(index).deliver(event, *recipients);
    });
  }
  bool is_any_full() const override { return false; }

  void put(std::size_t index, Letter letter) { boxes_[index].push_back(std::move(letter)); }
  /// What the store says: a reader's answer may overtake the writer's.
  void put_from_store(std::size_t index, Letter letter) {
    if (is_writer_stepped) {
      untold_[index].push_back(std::move(letter));
    } else {
      put(index, std::move(letter));
    }
  }
  bool tell_one(std::size_t index) {
    if (untold_[index].empty()) return false;
    put(index, std::move(untold_[index].front()));
    untold_[index].pop_front();
    return true;
  }
  bool run_one(std::size_t index) {
    if (boxes_[index].empty()) return false;
    Letter letter = std::move(boxes_[index].front());
    boxes_[index].pop_front();
    letter();
    return true;
  }
  bool is_empty() const {
    const auto is_without = [](const auto& box) { return box.empty(); };
    return std::ranges::all_of(boxes_, is_without) && std::ranges::all_of(untold_, is_without);
  }

  bool is_writer_stepped = false;

 private:
  HubLife& life_;
  std::vector<std::deque<Letter>> boxes_;
  std::vector<std::deque<Letter>> untold_;
};

class HubLife::Pressure final : public hub::Backpressure {
 public:
  explicit Pressure(const store::memory::SimulatedStore& store) : store_(store) {}
  bool is_congested() const override { return store_.is_congested(); }

 private:
  const store::memory::SimulatedStore& store_;
};

/// Knows the transports of a shard, for the scheduler; the sessions own them.
class HubLife::Host final : public net::TransportHost {
 public:
  void attach(net::Transport& transport, net::MessageHandler& handler) override {
    auto& simulated = dynamic_cast<SimTransport&>(transport);
    simulated.attach_to(handler, is_held_);
    transports.push_back(&simulated);
  }
  void hold_reading(bool is_held) override { is_held_ = is_held; }
  std::vector<SimTransport*> transports;

 private:
  bool is_held_ = false;
};

struct HubLife::Place {
  Host host;
  std::unique_ptr<store::ShardStore> repositories;
  std::unique_ptr<auth::Verifier> verifier;
  std::unique_ptr<hub::Shard> shard;
};

HubLife::HubLife(store::memory::Backend& backend, support::HandClock& clock, Random& random,
                 const hub::Settings& settings, std::size_t shards, std::uint64_t life)
    : store_(backend, clock),
      clock_(clock),
      random_(random),
      settings_(settings),
      life_(life),
      keys_(keys_of_simulation()),
      mail_(std::make_unique<Mail>(*this, shards)),
      pressure_(std::make_unique<Pressure>(store_)) {
  restore(shards);
}

HubLife::~HubLife() { store_.crash(); }

hub::Shard& HubLife::shard(std::size_t index) { return *shards_[index]->shard; }

void HubLife::restore(std::size_t shards) {
  auto loaded = store_.load();
  FAIRLEAD_ASSERT(loaded.has_value());
  const auto step = static_cast<protocol::DeviceKey>(shards);
  for (std::size_t index = 0; index < shards; ++index) {
    auto place = std::make_unique<Place>();
    place->repositories = store_.attach([this, index](std::move_only_function<void()> letter) {
      mail_->put_from_store(index, std::move(letter));
    });
    place->verifier = std::make_unique<auth::Verifier>(keys_, auth::TokenPolicy(), clock_);
    auto& repositories = *place->repositories;
    const devices::KeySeries series{
        .first = loaded->last_key + 1 + static_cast<protocol::DeviceKey>(index), .step = step};
    place->shard = std::make_unique<hub::Shard>(
        index, settings_,
        hub::Ports{clock_, random_, *mail_, *pressure_, place->host, *place->verifier, repositories,
                   repositories, repositories, repositories, repositories, repositories},
        series);
    shards_.push_back(std::move(place));
  }
  for (store::LoadedDevice& device : loaded->devices) {
    const std::size_t home = shard(0).home_of(device.device.tenant, device.device.id);
    shard(home).home().restore(std::move(device.device), std::move(device.progress),
                               std::move(device.latest));
  }
  for (const commands::Command& command : loaded->unfinished) {
    const std::size_t home = shard(0).home_of(command.tenant, command.device);
    shard(home).home().restore(command);
  }
  for (store::LoadedFleet& loaded_fleet : loaded->fleets) {
    const std::string tenant = loaded_fleet.fleet.tenant;
    shard(shard(0).home_of(tenant, "")).fleet_desk().count(tenant);
    const std::size_t owner = shard(0).home_of(tenant, loaded_fleet.fleet.id);
    shard(owner).fleets().restore(std::move(loaded_fleet.fleet), loaded_fleet.members);
  }
}

void HubLife::accept(std::shared_ptr<Wire> wire, std::size_t index) {
  hub::Arrival arrival{.transport = std::make_unique<SimTransport>(std::move(wire)),
                       .info = {},
                       .principal = std::nullopt,
                       .auth_id = {}};
  arrival.info.ulid = Ulid(static_cast<std::int64_t>(life_), 0, ++connections_);
  arrival.info.remote = "simulated";
  arrival.info.connected_at = clock_.now_ms();
  shard(index).adopt(std::move(arrival));
}

void HubLife::end_turn(Place& place) {
  // A session that goes takes its transport along: the list is made anew from those that live.
  place.shard->end_turn();
  place.host.transports.clear();
  place.shard->connections().each("", [&place](hub::Session& session) {
    place.host.transports.push_back(dynamic_cast<SimTransport*>(&session.transport()));
    return true;
  });
}

bool HubLife::step_mail(std::size_t index) {
  if (!mail_->run_one(index)) return false;
  end_turn(*shards_[index]);
  return true;
}

bool HubLife::step_writer() {
  mail_->is_writer_stepped = true;
  const bool is_done = store_.step_writer();
  mail_->is_writer_stepped = false;
  return is_done;
}

bool HubLife::step_told(std::size_t index) { return mail_->tell_one(index); }

bool HubLife::step_network(std::size_t pick) {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Place& place = *shards_[(pick + i) % shards_.size()];
    const std::size_t count = place.host.transports.size();
    for (std::size_t j = 0; j < count; ++j) {
      SimTransport& transport = *place.host.transports[(pick + j) % count];
      if (!transport.can_deliver()) continue;
      const bool is_done = transport.deliver_one();
      end_turn(place);
      return is_done;
    }
  }
  return false;
}

bool HubLife::step_flush(std::size_t pick, std::size_t frames) {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Place& place = *shards_[(pick + i) % shards_.size()];
    const std::size_t count = place.host.transports.size();
    for (std::size_t j = 0; j < count; ++j) {
      SimTransport& transport = *place.host.transports[(pick + j) % count];
      if (!transport.can_flush()) continue;
      const bool is_done = transport.take_frames(frames);
      end_turn(place);
      return is_done;
    }
  }
  return false;
}

void HubLife::step_timers() {
  store_.probe();
  for (const auto& place : shards_) {
    place->shard->fire_timers();
    end_turn(*place);
  }
}

bool HubLife::is_quiet() const {
  if (!mail_->is_empty()) return false;
  return std::ranges::all_of(shards_, [](const auto& place) {
    return place->repositories->outstanding() == 0 &&
           std::ranges::none_of(place->host.transports, [](const SimTransport* transport) {
             return transport->can_deliver() || transport->can_flush();
           });
  });
}

}  // namespace fairlead::simulation
