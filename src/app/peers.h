#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/keyed_places.h"
#include "base/mailbox.h"
#include "base/memory_meter.h"
#include "hub/event.h"
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

  /// `connections_per_client`: 0 for any number. `memory` is told what waits, about; it and
  /// `tenants` outlive the mail.
  ShardMail(std::size_t count, std::size_t connections_per_client, hub::TenantMeters& tenants,
            MemoryMeter& memory)
      : clients_(connections_per_client), tenants_(tenants), memory_(memory) {
    for (std::size_t i = 0; i < count; ++i) boxes_.push_back(std::make_unique<Box>(*this));
  }

  void enter(std::size_t index, net::Reactor& reactor, hub::Shard& shard) {
    boxes_[index]->reactor = &reactor;
    boxes_[index]->shard = &shard;
  }
  /// Drops what waits for a shard that does not run any more, while what it refers to still stands.
  void leave(std::size_t index) {
    std::vector<Letter> dropped;
    boxes_[index]->letters.take(dropped);
  }

  std::size_t count() const override { return boxes_.size(); }

  void post(std::size_t index, hub::Task task) override { put(index, std::move(task)); }
  void deliver(std::size_t index, hub::Event event, hub::Recipients recipients) override {
    put(index, Delivery{.event = std::move(event), .recipients = std::move(recipients)});
  }

  bool is_any_full() const override { return full_.load(std::memory_order_relaxed) > 0; }

  bool take_client_place(const auth::Principal& who) override {
    return clients_.take(name_of(who));
  }
  void give_back_client_place(const auth::Principal& who) override {
    clients_.give_back(name_of(who));
  }
  hub::SharedMeter* tenant_meter(const std::string& tenant) override { return tenants_.of(tenant); }
  bool has_client_place(const auth::Principal& who) { return clients_.has_room(name_of(who)); }

 private:
  /// What a task and its captures usually take.
  static constexpr std::int64_t kBytesPerTask = 512;
  static constexpr std::size_t kUsualLetters = 4096;

  static std::string name_of(const auth::Principal& who) { return who.tenant + '\0' + who.subject; }

  struct Delivery {
    hub::Event event;
    hub::Recipients recipients;
  };
  using Letter = std::variant<hub::Task, Delivery>;

  struct Box {
    explicit Box(ShardMail& mail)
        : letters(std::numeric_limits<std::size_t>::max(),
                  [this, &mail] { reactor->post([this, &mail] { mail.open(*this); }); }) {}
    net::Reactor* reactor = nullptr;
    hub::Shard* shard = nullptr;
    std::atomic<std::size_t> waiting = 0;
    Mailbox<Letter> letters;
    /// Of the shard's thread.
    std::vector<Letter> taken;
  };

  void put(std::size_t index, Letter letter) {
    Box& box = *boxes_[index];
    memory_.add(MemoryKind::kMail, kBytesPerTask);
    if (box.waiting.fetch_add(1, std::memory_order_relaxed) + 1 == kHighMark) {
      full_.fetch_add(1, std::memory_order_relaxed);
    }
    box.letters.put(std::move(letter));
  }
  void open(Box& box) {
    box.letters.take(box.taken);
    for (Letter& letter : box.taken) {
      memory_.add(MemoryKind::kMail, -kBytesPerTask);
      if (box.waiting.fetch_sub(1, std::memory_order_relaxed) == kHighMark) {
        full_.fetch_sub(1, std::memory_order_relaxed);
      }
      if (auto* const delivery = std::get_if<Delivery>(&letter)) {
        box.shard->deliver(delivery->event, *delivery->recipients);
      } else {
        std::get<hub::Task>(letter)(*box.shard);
      }
    }
    box.taken.clear();
    // What a burst needed is given back when it is over.
    if (box.taken.capacity() > kUsualLetters) std::vector<Letter>().swap(box.taken);
  }

  std::vector<std::unique_ptr<Box>> boxes_;
  std::atomic<std::size_t> full_ = 0;
  KeyedPlaces clients_;
  hub::TenantMeters& tenants_;
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
