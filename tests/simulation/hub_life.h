#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/keys.h"
#include "auth/verifier.h"
#include "base/random.h"
#include "hub/shard.h"
#include "store/memory/backend.h"
#include "store/memory/simulated_store.h"
#include "support/hand_clock.h"
#include "wire.h"

namespace fairlead::simulation {

/// One life of a hub, from its start to its crash: the real shards, sessions, services and writer;
/// only threads, sockets, clock and disk are the scheduler's. The disk (`backend`) outlives it.
class HubLife {
 public:
  HubLife(store::memory::Backend& backend, support::HandClock& clock, Random& random,
          const hub::Settings& settings, std::size_t shards, std::uint64_t life);
  ~HubLife();
  HubLife(const HubLife&) = delete;
  HubLife& operator=(const HubLife&) = delete;

  /// A peer connects to some shard; it has not said who it is.
  void accept(std::shared_ptr<Wire> wire, std::size_t shard);

  // Steps; each returns whether it did something.
  bool step_mail(std::size_t shard);
  bool step_network(std::size_t pick);
  bool step_flush(std::size_t pick, std::size_t frames);
  /// Commits; the shards are told of it by step_told() only.
  bool step_writer();
  bool step_told(std::size_t shard);
  bool step_reader() { return store_.step_reader(); }
  void step_timers();

  hub::Shard& shard(std::size_t index);
  /// Nothing waits anywhere.
  bool is_quiet() const;

 private:
  class Mail;
  class Pressure;
  class Host;
  struct Place;

  void restore(std::size_t shards);
  void end_turn(Place& place);

  store::memory::SimulatedStore store_;
  support::HandClock& clock_;
  Random& random_;
  const hub::Settings& settings_;
  const std::uint64_t life_;
  std::shared_ptr<const auth::KeySet> keys_;
  std::unique_ptr<Mail> mail_;
  std::unique_ptr<Pressure> pressure_;
  std::vector<std::unique_ptr<Place>> shards_;
  std::uint64_t connections_ = 0;
};

/// What tokens of the simulation are signed with.
inline constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

}  // namespace fairlead::simulation
