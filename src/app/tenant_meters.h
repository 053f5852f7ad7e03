#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "hub/meter.h"

namespace fairlead::app {

/// The meters of tenants, made when they are first asked for: as many as tenants that showed a good
/// token. Thread-safe.
class TenantMeters final : public hub::TenantMeters {
 public:
  explicit TenantMeters(const hub::RateLimit& limit) : limit_(limit) {}

  hub::SharedMeter* of(const std::string& tenant) override {
    if (limit_.is_any()) return nullptr;
    const std::lock_guard lock(mutex_);
    auto& meter = meters_[tenant];
    if (!meter) meter = std::make_unique<hub::SharedMeter>(limit_);
    return meter.get();
  }

 private:
  const hub::RateLimit limit_;
  std::mutex mutex_;
  /// Guarded by mutex_.
  std::map<std::string, std::unique_ptr<hub::SharedMeter>> meters_;
};

}  // namespace fairlead::app
