#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "app/peers.h"
#include "app/verify_pool.h"
#include "auth/failures.h"
#include "auth/key_source.h"
#include "auth/verifier.h"
#include "base/clock.h"
#include "base/random.h"
#include "hub/shard.h"
#include "net/reactor.h"
#include "store/store.h"

namespace fairlead::app {

/// One shard with all that belongs to its thread: reactor, repositories, keys. Made and destroyed
/// on the main thread, while its own does not run.
class ShardThread {
 public:
  struct Shared {
    const hub::Settings& settings;
    const net::ReactorOptions& net;
    const auth::TokenPolicy& tokens;
    std::shared_ptr<const auth::KeySet> keys;
    auth::KeySource& key_source;
    /// Null: no limit.
    auth::FailureLimit* failures;
    VerifyPool& verifiers;
    const Clock& clock;
    store::Store& store;
    ShardMail& mail;
    hub::Backpressure& backpressure;
  };

  ShardThread(std::size_t index, const Shared& shared, devices::KeySeries keys,
              std::unique_ptr<net::Sender> sender);
  ~ShardThread();
  ShardThread(const ShardThread&) = delete;
  ShardThread& operator=(const ShardThread&) = delete;

  void start();
  /// From any thread: takes no request any more; see is_drained(). `give_up_steady_ms` as of
  /// hub::Shard::drain, and for answers over HTTP.
  void drain(std::int64_t give_up_steady_ms);
  /// Ends the thread after its running turn.
  void stop();

  hub::Shard& shard() { return shard_; }
  net::Reactor& reactor() { return reactor_; }

  // ---- any thread -------------------------------------------------------------------------------
  /// No WebSocket is left, and no HTTP answer is owed (or too late).
  bool is_drained() const { return is_drained_.load(std::memory_order_acquire); }

 private:
  bool has_answered() const;

  ShardMail& mail_;
  net::Reactor reactor_;
  SystemRandom random_;
  std::unique_ptr<store::ShardStore> repositories_;
  auth::Verifier verifier_;
  ShardChecks slow_checks_;
  hub::Shard shard_;
  std::atomic<bool> is_drained_ = false;
  std::int64_t give_up_steady_ms_ = 0;
  std::thread thread_;
};

}  // namespace fairlead::app
