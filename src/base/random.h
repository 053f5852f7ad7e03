#pragma once

#include <cstdint>
#include <random>

namespace fairlead {

/// Port to randomness (ids, spread of retries). One per shard; not thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
};

/// Seeded by the operating system. Ids from it are unique, not secret.
class SystemRandom final : public Random {
 public:
  SystemRandom() : engine_(seed()) {}
  std::uint64_t next() override { return engine_(); }

 private:
  static std::mt19937_64 seed() {
    std::random_device device;
    std::seed_seq sequence{device(), device(), device(), device()};
    return std::mt19937_64(sequence);
  }
  std::mt19937_64 engine_;
};

/// The same numbers for the same seed: for the simulation and for tests.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace fairlead
