#pragma once

#include <filesystem>
#include <memory>

#include "store/backend.h"
#include "store/sqlite/auth.h"
#include "store/sqlite/commands.h"
#include "store/sqlite/database.h"
#include "store/sqlite/devices.h"
#include "store/sqlite/fleets.h"
#include "store/sqlite/hub.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/subscriptions.h"
#include "store/sqlite/telemetry_history.h"

namespace fairlead::store::sqlite {

/// Reads the file of a Backend through a connection of its own, which cannot write.
class Reader final : public store::Reader {
 public:
  /// `segments` are the backend's, which outlives this.
  static Result<std::unique_ptr<Reader>> open(const std::filesystem::path& file,
                                              const Segments& segments);

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
  Reader(std::unique_ptr<Database> database, const Segments& segments);
  Result<std::vector<LoadedDevice>> load_devices();

  // The statements below die before their database.
  std::unique_ptr<Database> database_;
  TelemetryHistory telemetry_;
  Devices devices_;
  Commands commands_;
  Fleets fleets_;
  Hub hub_;
  Subscriptions subscriptions_;
  Auth auth_;
};

}  // namespace fairlead::store::sqlite
