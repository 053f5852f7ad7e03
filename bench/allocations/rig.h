#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/peers.h"
#include "app/tenant_meters.h"
#include "auth/verifier.h"
#include "base/memory_meter.h"
#include "base/random.h"
#include "base/result.h"
#include "bench/allocations/heap_ledger.h"
#include "hub/shard.h"
#include "net/reactor.h"
#include "net/senders.h"
#include "store/memory/reader.h"
#include "store/shard_store.h"
#include "store/writer.h"
#include "support/hand_clock.h"

namespace fairlead::bench {

/// The hub from the socket to the store's queue and back, all of it on the calling thread: real
/// reactors, connections, shards and writer, wired as `serve` wires them and stepped by hand. The
/// other ends of the sockets are ours. Time stands still but for pass_time().
class Rig final : private hub::Backpressure {
 public:
  /// Hears what arrives at the other end of a line.
  using OnMessage = std::function<void(std::size_t line, std::string_view message)>;

  /// `backend` is where commits go; it outlives the rig.
  Rig(std::size_t shards, store::Backend& backend, std::size_t outbox_bytes);
  ~Rig() override;
  /// Before all else. Fails where the kernel does not allow that `io`.
  Result<void> open(net::Io io);

  /// Opens a connection on its shard and waits for its welcome. Lines are numbered from 0.
  Result<std::size_t> connect(auth::Principal principal);
  /// Queues a message of a line's far end; write() sends all that is queued.
  void say(std::size_t line, std::string_view message);
  Result<void> write();
  /// Turns everything and hands over what arrives, until `is_done`.
  Result<void> run_until(const OnMessage& on_message, const std::function<bool()>& is_done);
  /// Lets `ms` pass and fires what is due, which is booked apart.
  void pass_time(std::int64_t ms);

  /// Heap traffic inside the hub's code, and inside its timers.
  HeapCount of_messages;
  HeapCount of_timers;

 private:
  struct Place;
  struct Line {
    int fd = -1;
    std::string out{};
    std::string rest{};
  };

  void turn();
  void step_store();
  Result<std::size_t> read(const OnMessage& on_message);
  bool is_congested() const override { return writer_.is_congested(); }

  support::HandClock clock_;
  const hub::Settings settings_;
  SeededRandom random_{7};
  store::Writer writer_;
  store::ReadQueue reads_;
  const store::memory::State nothing_stored_;
  store::memory::Reader reader_{nothing_stored_};
  MemoryMeter memory_{0};
  app::TenantMeters tenants_{{}};
  app::ShardMail mail_;
  const std::size_t shards_;
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<Line> lines_;
  std::vector<char> buffer_;
};

}  // namespace fairlead::bench
