#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "auth/repository.h"
#include "commands/fleet_repository.h"
#include "commands/repository.h"
#include "devices/repository.h"
#include "hub/repository.h"
#include "store/outstanding.h"
#include "store/postbox.h"
#include "store/readers.h"
#include "store/writer.h"
#include "telemetry/repository.h"

namespace fairlead::store {

/// Every repository, as one shard sees it. Made, used and destroyed on that shard's thread;
/// completions run there too. What is under way at its end may still be stored, but its completions
/// are dropped. Must not be used (but may be destroyed) after the store that made it.
class ShardStore final : public telemetry::Repository,
                         public devices::Repository,
                         public commands::Repository,
                         public commands::FleetRepository,
                         public hub::Repository,
                         public auth::Repository {
 public:
  ShardStore(Writer& writer, ReadQueue& reads, Post post);
  ~ShardStore() override;
  ShardStore(const ShardStore&) = delete;
  ShardStore& operator=(const ShardStore&) = delete;

  /// Writes whose completions have not run.
  std::size_t outstanding() const { return outstanding_->size(); }

  // ---- telemetry --------------------------------------------------------------------------------
  void append(std::shared_ptr<const telemetry::SampleBlock> block, Completion<void> done) override;
  void read(telemetry::Range range, Completion<telemetry::Page> done) override;
  void read_from(protocol::DeviceKey device, std::int64_t first_offset, std::size_t limit,
                 Completion<telemetry::Page> done) override;
  void read_buckets(telemetry::BucketRange range, Completion<telemetry::BucketPage> done) override;
  void first_since(protocol::DeviceKey device, std::int64_t since,
                   Completion<std::int64_t> done) override;
  // ---- devices ----------------------------------------------------------------------------------
  void save(devices::Device device, Completion<void> done) override;
  void save_presence(protocol::DeviceKey key, std::int64_t session, std::int64_t last_seen,
                     Completion<void> done) override;
  void remove(protocol::DeviceKey key, Completion<void> done) override;
  // ---- commands ---------------------------------------------------------------------------------
  void save(commands::Command command, Completion<void> done) override;
  void forget_commands(std::int64_t before_ms, Completion<bool> done) override;
  void find(std::string id, Completion<std::optional<commands::Command>> done) override;
  void list(commands::ListQuery query, Completion<std::vector<commands::Command>> done) override;
  void create_fleet(commands::Fleet fleet, Completion<void> done) override;
  void update_fleet(std::string id, commands::FleetProgress progress,
                    Completion<void> done) override;
  void find_fleet(std::string id, Completion<std::optional<commands::Fleet>> done) override;
  // ---- hub --------------------------------------------------------------------------------------
  void open_log(hub::ConnectionLog log, Completion<void> done) override;
  void close_log(hub::ConnectionLog log, Completion<void> done) override;
  void forget_logs(std::int64_t before_ms, Completion<bool> done) override;
  void list_logs(hub::LogQuery query, Completion<std::vector<hub::ConnectionLog>> done) override;
  void save_subscription(hub::DurableSubscription subscription, Completion<void> done) override;
  void remove_subscription(std::string tenant, std::string subject, std::string name,
                           Completion<void> done) override;
  // ---- auth -------------------------------------------------------------------------------------
  void revoke(auth::Revocation revocation, Completion<void> done) override;
  void forget_expired(std::int64_t now_ms, Completion<void> done) override;

 private:
  /// Completions of reads under way. They stay here, on their thread; readers hold weak references.
  using Asked = std::unordered_set<std::shared_ptr<void>>;

  void put(Write write, Completion<void> done);
  template <typename Forget>
  void put_forgetting(std::int64_t before_ms, Completion<bool> done);
  template <typename T>
  void ask(std::move_only_function<Result<T>(Reader&)> query, Completion<T> done);

  Writer& writer_;
  ReadQueue& reads_;
  std::shared_ptr<Postbox> postbox_;
  std::shared_ptr<Outstanding> outstanding_;
  std::shared_ptr<Asked> asked_;
  Writer::Shard& shard_;
};

}  // namespace fairlead::store
