#pragma once

#include "store/backend.h"
#include "store/memory/state.h"

namespace fairlead::store::memory {

/// Reads what a memory::Backend has committed. On the backend's thread.
class Reader final : public store::Reader {
 public:
  explicit Reader(const State& state) : state_(state) {}

  Result<telemetry::Page> read(const telemetry::Range& range) override;
  Result<telemetry::Page> read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                    std::size_t limit) override;
  Result<telemetry::BucketPage> read_buckets(const telemetry::BucketRange& range) override;
  Result<std::int64_t> first_since(protocol::DeviceKey device, std::int64_t since) override;
  Result<std::optional<commands::Command>> find(const std::string& id) override;
  Result<std::optional<commands::Fleet>> find_fleet(const std::string& id) override;
  Result<std::vector<commands::Command>> list(const commands::ListQuery& query) override;
  Result<std::vector<hub::ConnectionLog>> list_logs(const hub::LogQuery& query) override;
  Result<Loaded> load(std::int64_t now_ms) override;

 private:
  void load_fleets(std::int64_t now_ms, Loaded& loaded) const;
  const std::vector<telemetry::Sample>& samples_of(protocol::DeviceKey device) const;

  const State& state_;
};

}  // namespace fairlead::store::memory
