#pragma once

#include <memory>

#include "store/backend.h"
#include "store/postgres/connection.h"
#include "store/postgres/session.h"

namespace fairlead::store::postgres {

/// Reads through a session of its own. A query that finds it lost is asked once more in a new one.
class Reader final : public store::Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(const Options& options);

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
  explicit Reader(const Options& options) : options_(reader_session(options)) {}

  template <typename Ask>
  auto ask(const Ask& ask);
  Outcome<void> connect();

  const ConnectionOptions options_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace fairlead::store::postgres
