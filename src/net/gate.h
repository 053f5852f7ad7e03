#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/keyed_places.h"
#include "base/memory_meter.h"
#include "base/place.h"

namespace fairlead::net {

/// Why somebody was turned away.
enum class Refusal : std::uint8_t { kSockets, kHandshakes, kAddress, kMemory };
inline constexpr std::size_t kRefusalCount = 4;

/// What a socket holds while it is open; given back at its end.
class Pass {
 public:
  Pass() = default;

  /// The peer has sent a whole request, or shown who it is: it is no handshake any more.
  void settle() { handshake_.give_back(); }

 private:
  friend class Gate;
  struct Address {
    KeyedPlaces& places;
    std::string name;
    Address(KeyedPlaces& of, std::string called) : places(of), name(std::move(called)) {}
    ~Address() { places.give_back(name); }
    Address(const Address&) = delete;
    Address& operator=(const Address&) = delete;
  };

  Place socket_;
  Place handshake_;
  /// Null where addresses are not counted.
  std::unique_ptr<Address> address_;
};

/// Which sockets may come in, counted exactly over all reactors. Thread-safe; outlives them.
class Gate {
 public:
  struct Limits {
    std::size_t sockets = 200'000;
    /// Sockets that have neither sent a whole request nor shown who they are.
    std::size_t handshakes = 10'000;
    /// Of one IPv4 address, or of one IPv6 network of 64 bits; 0: not bounded.
    std::size_t per_address = 0;
  };

  Gate(const Limits& limits, const MemoryMeter& memory)
      : sockets_(limits.sockets),
        handshakes_(limits.handshakes),
        addresses_(limits.per_address),
        memory_(memory) {}

  /// Of an accepted socket.
  std::expected<Pass, Refusal> admit(int fd);

  std::size_t sockets() const { return sockets_.taken(); }
  std::size_t handshakes() const { return handshakes_.taken(); }
  std::uint64_t refused(Refusal why) const {
    return refused_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
  }

 private:
  std::unexpected<Refusal> refuse(Refusal why);

  Places sockets_;
  Places handshakes_;
  KeyedPlaces addresses_;
  const MemoryMeter& memory_;
  std::array<std::atomic<std::uint64_t>, kRefusalCount> refused_{};
};

}  // namespace fairlead::net
