#pragma once

#include <map>
#include <memory>
#include <string>

#include "hub/meter.h"

namespace fairlead::support {

/// The meters of tenants, for one thread.
class TenantMeters final : public hub::TenantMeters {
 public:
  explicit TenantMeters(const hub::RateLimit& limit) : limit_(limit) {}

  hub::SharedMeter* of(const std::string& tenant) override {
    if (limit_.is_any()) return nullptr;
    auto& meter = meters_[tenant];
    if (!meter) meter = std::make_unique<hub::SharedMeter>(limit_);
    return meter.get();
  }

 private:
  const hub::RateLimit limit_;
  std::map<std::string, std::unique_ptr<hub::SharedMeter>> meters_;
};

}  // namespace fairlead::support
