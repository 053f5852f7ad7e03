#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/memory_meter.h"
#include "store/backend.h"
#include "store/outstanding.h"
#include "store/postbox.h"
#include "store/stats.h"
#include "store/write.h"

namespace fairlead::store {

struct WriterLimits {
  /// Of one transaction; whichever comes first.
  std::size_t transaction_bytes = std::size_t{16} << 20;
  std::size_t transaction_writes = 100'000;
  /// Congested above the high mark until below the low one.
  std::size_t high_mark_bytes = std::size_t{64} << 20;
  std::size_t low_mark_bytes = std::size_t{16} << 20;
};

/// Commits what all shards write: everything that is queued becomes one transaction, so batches
/// grow by themselves under load. It is stepped: by a thread (WriterThread) or by a test.
///
/// A commit that fails takes everything with it that was queued at that moment, of every shard, and
/// whatever of the same generation still arrives, so that nothing is stored whose predecessor was
/// not. Each shard concerned gets one letter, on which Outstanding::fail runs.
class Writer {
 public:
  /// What the writer knows of a shard.
  struct Shard;

  /// `memory` is told what is queued, and outlives the writer; null: nobody is.
  Writer(Backend& backend, WriterLimits limits, MemoryMeter* memory = nullptr);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // ---- any thread -------------------------------------------------------------------------------
  /// The result lives as long as the writer, though the shard may go away (close its postbox).
  Shard& attach(std::shared_ptr<Postbox> postbox, std::weak_ptr<Outstanding> outstanding);
  /// Queues one write of `shard`; the shard's Outstanding has its completion already.
  void put(Shard& shard, Generation generation, Write write);
  /// Whether those who can should stop taking work in. When it becomes false every shard gets an
  /// empty letter, so that its thread turns once.
  bool is_congested() const { return is_congested_.load(std::memory_order_relaxed); }
  /// What keeps the store from writing; nothing when it is well.
  std::optional<std::string> health() const;
  /// All but `reads`.
  Stats stats() const;
  /// Makes a wait() that is under way, or else the next one, return.
  void interrupt();
  /// The end is near: commits do not wait for a database that is away.
  void stop_waiting() { backend_.stop_waiting(); }

  // ---- the stepping thread ----------------------------------------------------------------------
  /// One transaction, or the dropping of what has failed. Returns whether there was any work.
  bool step();
  /// Until there is work or an interrupt (true), or `limit` has passed (false).
  bool wait(std::chrono::milliseconds limit);
  /// For a store that is not well: asks it to write something of no account.
  void probe();
  /// What is to be done between commits, when there are none.
  void maintain() { backend_.maintain(); }
  /// The process died, as far as the shards can tell: drops the queue and every completion; shards
  /// attached so far are deaf and dumb from now on. For simulations: nothing else may run.
  void crash();

 private:
  struct Origin {
    Shard* shard;
    Generation generation;
    std::size_t bytes;
  };
  /// Writes and whence each came, side by side: a backend takes a run of writes as it is.
  struct Queue {
    std::vector<Write> writes;
    std::vector<Origin> origins;
    void clear();
  };
  struct Transaction;

  bool take();
  Transaction next_transaction();
  void succeed(const Transaction& transaction, std::chrono::duration<double> took);
  void fail(std::size_t first, const std::string& why);
  void mark_failed(std::span<const Origin> origins, std::vector<Shard*>& failed);
  void release(std::size_t writes, std::size_t bytes);
  void tell_memory(std::int64_t change);

  Backend& backend_;
  const WriterLimits limits_;
  MemoryMeter* const memory_;
  std::atomic<bool> is_congested_ = false;

  mutable std::mutex mutex_;
  std::condition_variable work_;
  // Guarded by mutex_.
  std::vector<std::unique_ptr<Shard>> shards_;
  Queue incoming_;
  std::size_t queued_writes_ = 0;
  std::size_t queued_bytes_ = 0;
  bool is_waiting_ = false;
  bool is_interrupted_ = false;
  std::optional<std::string> health_;
  Stats stats_;

  // Of the stepping thread: what it took, and how far it has come.
  Queue taken_;
  std::size_t next_ = 0;
  std::vector<Shard*> touched_;
};

}  // namespace fairlead::store
