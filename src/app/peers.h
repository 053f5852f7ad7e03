#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

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

  explicit ShardMail(std::size_t count) : boxes_(count) {}

  void enter(std::size_t index, net::Reactor& reactor, hub::Shard& shard) {
    boxes_[index].reactor = &reactor;
    boxes_[index].shard = &shard;
  }

  std::size_t count() const override { return boxes_.size(); }

  void post(std::size_t index, hub::Task task) override {
    Box& box = boxes_[index];
    if (box.waiting.fetch_add(1, std::memory_order_relaxed) + 1 == kHighMark) {
      full_.fetch_add(1, std::memory_order_relaxed);
    }
    box.reactor->post([this, &box, task = std::move(task)]() mutable {
      if (box.waiting.fetch_sub(1, std::memory_order_relaxed) == kHighMark) {
        full_.fetch_sub(1, std::memory_order_relaxed);
      }
      task(*box.shard);
    });
  }

  bool is_any_full() const override { return full_.load(std::memory_order_relaxed) > 0; }

 private:
  struct Box {
    net::Reactor* reactor = nullptr;
    hub::Shard* shard = nullptr;
    std::atomic<std::size_t> waiting = 0;
  };
  std::vector<Box> boxes_;
  std::atomic<std::size_t> full_ = 0;
};

/// What the shards ask of the store's queue.
class StoreBackpressure final : public hub::Backpressure {
 public:
  explicit StoreBackpressure(const store::Store& store) : store_(store) {}
  bool is_congested() const override { return store_.is_congested(); }

 private:
  const store::Store& store_;
};

}  // namespace fairlead::app
