#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "auth/slow_checks.h"
#include "auth/token_policy.h"
#include "base/clock.h"
#include "net/reactor.h"

namespace fairlead::app {

/// Threads that check signatures for all shards, first come, first served.
class VerifyPool {
 public:
  using Job = auth::SlowChecks::Job;
  /// How an answer gets to where the job came from.
  using Post = std::move_only_function<void(net::Reactor::Task)>;

  /// Tokens that may wait: what the slowest algorithm does in under a second.
  static constexpr std::size_t kMaxWaiting = 1000;

  /// `policy` and `clock` outlive it.
  VerifyPool(std::size_t threads, const auth::TokenPolicy& policy, const Clock& clock);
  ~VerifyPool();
  VerifyPool(const VerifyPool&) = delete;
  VerifyPool& operator=(const VerifyPool&) = delete;

  /// False: full. From any thread.
  bool offer(Job job, Post post);
  /// Ends the threads after their running checks; who waits is not answered.
  void stop();

 private:
  struct Entry {
    Job job;
    Post post;
  };

  void run();

  const auth::TokenPolicy& policy_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

/// One shard's way to the pool, and back.
class ShardChecks final : public auth::SlowChecks {
 public:
  ShardChecks(VerifyPool& pool, net::Reactor& reactor) : pool_(pool), reactor_(reactor) {}
  bool offer(Job job) override {
    return pool_.offer(std::move(job), [&reactor = reactor_](net::Reactor::Task task) {
      reactor.post(std::move(task));
    });
  }

 private:
  VerifyPool& pool_;
  net::Reactor& reactor_;
};

}  // namespace fairlead::app
