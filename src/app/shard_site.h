#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "app/key_keeper.h"
#include "app/peers.h"
#include "app/shard_thread.h"
#include "base/memory_meter.h"
#include "base/place.h"
#include "http/metrics.h"
#include "http/site.h"
#include "net/gate.h"
#include "store/store.h"

namespace fairlead::app {

/// One shard's view of the whole hub, for HTTP.
class ShardSite final : public http::Site {
 public:
  using Shards = std::vector<std::unique_ptr<ShardThread>>;

  /// What stands before the shards; all of it outlives this.
  struct Front {
    const net::Gate& gate;
    const MemoryMeter& memory;
    Places& connections;
    /// Upgrades turned away.
    struct Refused {
      std::atomic<std::uint64_t> connections = 0;
      std::atomic<std::uint64_t> principal = 0;
    };
    Refused& refused;
  };

  /// `shards` is complete before a thread runs, and outlives this.
  ShardSite(std::size_t here, const Shards& shards, ShardMail& mail, const store::Store& store,
            const KeyKeeper& keys, const Front& front);

  std::optional<Result<auth::Principal>> authenticate(std::string_view token,
                                                      std::string_view remote) override;
  void wait_for_key(std::string token, std::string remote,
                    Completion<auth::Principal> done) override;
  void count_malformed(std::string_view remote) override;
  hub::Operations& operations() override { return shard().operations(); }
  void may_connect(const auth::Principal& who, Completion<void> done) override;
  Place take_place() override;
  bool has_client_place(const auth::Principal& who) override;
  void arrive(hub::Arrival arrival) override;
  std::vector<std::pair<std::string, std::string>> failures() const override;
  void collect_metrics(
      std::move_only_function<void(std::vector<prometheus::MetricFamily>)> done) override;

 private:
  http::FrontMetrics front_metrics() const;
  hub::Shard& shard() const { return shards_[here_]->shard(); }

  const std::size_t here_;
  const Shards& shards_;
  ShardMail& mail_;
  const store::Store& store_;
  const KeyKeeper& keys_;
  const Front front_;
};

}  // namespace fairlead::app
