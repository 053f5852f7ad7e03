#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "store/backend.h"
#include "store/postbox.h"

namespace fairlead::store {

/// A query that makes the letter which carries its answer home.
using Query = std::move_only_function<Letter(Reader&)>;

/// Queries of all shards that wait for a reader. Thread-safe.
class ReadQueue {
 public:
  explicit ReadQueue(std::size_t bound) : bound_(bound) {}

  /// False, and nothing done, when as many wait as may.
  [[nodiscard]] bool put(std::shared_ptr<Postbox> postbox, Query query);
  /// Runs the oldest and posts its letter; false when there was none.
  bool step(Reader& reader);
  /// Until there is work (true) or the queue was stopped (false).
  bool wait();
  /// From now on nothing is put or waits; what is queued is dropped.
  void stop();
  /// Drops what is queued.
  void clear();
  /// Queries answered so far.
  std::uint64_t reads() const { return reads_.load(std::memory_order_relaxed); }

 private:
  struct Waiting {
    std::shared_ptr<Postbox> postbox;
    Query query;
  };

  const std::size_t bound_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Waiting> waiting_;
  bool is_stopped_ = false;
  std::atomic<std::uint64_t> reads_ = 0;
};

/// Threads that answer a queue's queries, each with a reader of its own. Its end waits for the
/// query under way and drops the rest.
class Readers {
 public:
  Readers(ReadQueue& queue, std::vector<std::unique_ptr<Reader>> readers);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

 private:
  ReadQueue& queue_;
  const std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::thread> threads_;
};

}  // namespace fairlead::store
