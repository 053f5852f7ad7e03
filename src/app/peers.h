#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/keyed_places.h"
#include "base/memory_meter.h"
#include "hub/peers.h"
#include "hub/shard.h"
#include "net/reactor.h"
#include "store/store.h"

namespace fairlead::app {

/// Mail between the shards' threads. Shards are entered before any thread runs.
class ShardMail final : public hub::Peers {
 public:
  /// Tasks that may wait for one shard before all take no new work in.
  static constexpr std::size_t kHighMark = 100'000;

  /// `connections_per_client`: 0 for any number. `memory` is told what waits, about, and outlives
  /// the mail.
  ShardMail(std::size_t count, std::size_t connections_per_client, MemoryMeter& memory)
      : boxes_(count), clients_(connections_per_client), memory_(memory) {}

  void enter(std::size_t index, net::Reactor& reactor, hub::Shard& shard) {
    boxes_[index].reactor = &reactor;
    boxes_[index].shard = &shard;
  }

  std::size_t count() const override { return boxes_.size(); }

  void post(std::size_t index, hub::Task task) override {
    Box& box = boxes_[index];
    memory_.add(MemoryKind::kMail, kBytesPerTask);
    if (box.waiting.fetch_add(1, std::memory_order_relaxed) + 1 == kHighMark) {
      full_.fetch_add(1, std::memory_order_relaxed);
    }
    box.reactor->post([this, &box, task = std::move(task)]() mutable {
      memory_.add(MemoryKind::kMail, -kBytesPerTask);
      if (box.waiting.fetch_sub(1, std::memory_order_relaxed) == kHighMark) {
        full_.fetch_sub(1, std::memory_order_relaxed);
      }
      task(*box.shard);
    });
  }

  bool is_any_full() const override { return full_.load(std::memory_order_relaxed) > 0; }

  bool take_client_place(const auth::Principal& who) override {
    return clients_.take(name_of(who));
  }
  void give_back_client_place(const auth::Principal& who) override {
    clients_.give_back(name_of(who));
  }
  bool has_client_place(const auth::Principal& who) { return clients_.has_room(name_of(who)); }

 private:
  /// What a task and its captures usually take.
  static constexpr std::int64_t kBytesPerTask = 512;

  static std::string name_of(const auth::Principal& who) { return who.tenant + '\0' + who.subject; }

  struct Box {
    net::Reactor* reactor = nullptr;
    hub::Shard* shard = nullptr;
    std::atomic<std::size_t> waiting = 0;
  };
  std::vector<Box> boxes_;
  std::atomic<std::size_t> full_ = 0;
  KeyedPlaces clients_;
  MemoryMeter& memory_;
};

/// What the shards ask of the store's queue, and of the memory that is left.
class StoreBackpressure final : public hub::Backpressure {
 public:
  StoreBackpressure(const store::Store& store, const MemoryMeter& memory)
      : store_(store), memory_(memory) {}
  bool is_congested() const override { return store_.is_congested() || memory_.is_over(); }
  bool is_memory_short() const override { return memory_.is_high(); }

 private:
  const store::Store& store_;
  const MemoryMeter& memory_;
};

}  // namespace fairlead::app
