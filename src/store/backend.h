#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "auth/repository.h"
#include "base/result.h"
#include "commands/repository.h"
#include "hub/repository.h"
#include "store/loaded.h"
#include "store/write.h"
#include "telemetry/repository.h"

namespace fairlead::store {

/// Where writes become durable. One thread at a time.
class Backend {
 public:
  virtual ~Backend() = default;
  /// All of `batch`, in order, or nothing of it; durable when this returns. What it holds may be
  /// moved from. The error's message is fit for clients: no paths.
  virtual Result<void> commit(std::span<Write> batch) = 0;
  /// A tiny durable write: is the store well again?
  virtual Result<void> probe() = 0;
  /// Housekeeping between commits; called after the completions of a commit are on their way, and
  /// now and then while there are none.
  virtual void maintain() {}
  /// Nobody writes for the moment: gives back memory that only a busy store needs. Called again and
  /// again meanwhile.
  virtual void rest() {}

  // ---- any thread -------------------------------------------------------------------------------
  /// Why a commit that is under way waits, or the next one would; nothing when it would not.
  virtual std::optional<std::string> trouble() const { return std::nullopt; }
  /// From now on commits do not wait for a database that is away, but fail.
  virtual void stop_waiting() {}
};

/// Queries. One object per reading thread; sees every commit that has returned.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual Result<telemetry::Page> read(const telemetry::Range& range) = 0;
  virtual Result<telemetry::Page> read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                            std::size_t limit) = 0;
  virtual Result<telemetry::BucketPage> read_buckets(const telemetry::BucketRange& range) = 0;
  virtual Result<std::int64_t> first_since(protocol::DeviceKey device, std::int64_t since) = 0;
  virtual Result<std::optional<commands::Command>> find(const std::string& id) = 0;
  virtual Result<std::optional<commands::Fleet>> find_fleet(const std::string& id) = 0;
  virtual Result<std::vector<commands::Command>> list(const commands::ListQuery& query) = 0;
  virtual Result<std::vector<hub::ConnectionLog>> list_logs(const hub::LogQuery& query) = 0;
  virtual Result<Loaded> load(std::int64_t now_ms) = 0;
};

/// Pages of samples are cut when they pass this many bytes of metrics (telemetry::Page).
inline constexpr std::size_t kMaxPageBytes = std::size_t{1} << 20;

}  // namespace fairlead::store
