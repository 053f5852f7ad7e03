#include "http/request_rates.h"

#include <functional>
#include <utility>

namespace fairlead::http {
namespace {

std::string key_of(const auth::Principal& who) {
  std::string key = who.tenant;
  key.push_back('\0');
  key.push_back(who.kind == auth::Kind::kDevice ? 'd' : 'c');
  return key += who.subject;
}

}  // namespace

Result<void> RequestRates::charge(const auth::Principal& who, std::size_t bytes,
                                  std::int64_t steady_ms) {
  std::string key = key_of(who);
  Part& part = parts_[std::hash<std::string>()(key) % kParts];
  const std::lock_guard lock(part.mutex);
  if (part.buckets.size() >= kMaxBuckets / kParts && !part.buckets.contains(key)) {
    erase_if(part.buckets,
             [&](const auto& each) { return each.second.is_full(limit_, steady_ms); });
    if (part.buckets.size() >= kMaxBuckets / kParts) part.buckets.clear();
  }
  hub::Meter& meter = part.buckets.try_emplace(std::move(key), limit_).first->second;
  if (const auto wait = meter.wait_ms(limit_, bytes, steady_ms); wait > 0) {
    return std::unexpected(hub::over_rate(limit_, "this principal", wait));
  }
  if (hub::SharedMeter* const tenant = tenants_.of(who.tenant)) {
    if (const auto wait = tenant->take(bytes, steady_ms); wait > 0) {
      return std::unexpected(hub::over_rate(tenant->limit(), "this tenant", wait));
    }
  }
  meter.take(limit_, bytes, steady_ms);
  return {};
}

}  // namespace fairlead::http
