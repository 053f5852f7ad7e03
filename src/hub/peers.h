#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "auth/principal.h"
#include "hub/event.h"
#include "hub/meter.h"
#include "hub/session_number.h"

namespace fairlead::hub {

class Shard;

/// Work for a shard, done on its thread.
using Task = std::move_only_function<void(Shard&)>;

/// Port to the other shards.
class Peers {
 public:
  virtual ~Peers() = default;
  virtual std::size_t count() const = 0;
  /// From any shard to any; tasks arrive in the order posted, sender by sender. Also to oneself:
  /// then in a later step.
  virtual void post(std::size_t shard, Task task) = 0;
  /// An event for connections of that shard, in order with the tasks. There is one for each frame
  /// that crosses over, so it needs no memory where mail is kept in a row.
  virtual void deliver(std::size_t shard, Event event, Recipients recipients) = 0;
  /// Some shard has more mail than it should: take no new work in.
  virtual bool is_any_full() const = 0;
  /// One more connection of that client, over all shards; false when it has as many as it may. One
  /// that was taken is given back once.
  virtual bool take_client_place(const auth::Principal& who) {
    static_cast<void>(who);
    return true;
  }
  /// What all of the tenant may send; null: any number. Lasts as long as this.
  virtual SharedMeter* tenant_meter(const std::string& tenant) {
    static_cast<void>(tenant);
    return nullptr;
  }
  virtual void give_back_client_place(const auth::Principal& who) { static_cast<void>(who); }
};

/// Port to the store's queue: pausing is the answer to a store that cannot keep up.
class Backpressure {
 public:
  virtual ~Backpressure() = default;
  virtual bool is_congested() const = 0;
  /// Little memory is left: what slow readers can do without should be dropped.
  virtual bool is_memory_short() const { return false; }
};

/// 20 bits of a device's name (FNV-1a, folded): they choose its home shard and are part of the ids
/// of its commands, so they must never change.
constexpr std::uint32_t home_hash(std::string_view tenant, std::string_view device) {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&hash](std::string_view text) {
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
  };
  mix(tenant);
  mix(std::string_view("\0", 1));
  mix(device);
  hash ^= hash >> 40;
  return static_cast<std::uint32_t>((hash ^ (hash >> 20)) & 0xFFFFF);
}

}  // namespace fairlead::hub
