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

Result<void> RequestRates::charge(const auth::Principal& who, std::int64_t steady_ms) {
  std::string key = key_of(who);
  Part& part = parts_[std::hash<std::string>()(key) % kParts];
  std::int64_t wait_ms = 0;
  {
    const std::lock_guard lock(part.mutex);
    if (part.buckets.size() >= kMaxBuckets / kParts && !part.buckets.contains(key)) {
      erase_if(part.buckets,
               [&](const auto& each) { return each.second.is_full(rate_, steady_ms); });
      if (part.buckets.size() >= kMaxBuckets / kParts) part.buckets.clear();
    }
    auto& bucket = part.buckets.try_emplace(std::move(key), rate_).first->second;
    wait_ms = bucket.take(rate_, steady_ms);
  }
  if (wait_ms == 0) return {};
  Error error{.code = Code::kRateLimited,
              .message = fmt::format("over {} requests a second", rate_.per_second)};
  error.retry_after_ms = wait_ms;
  return std::unexpected(std::move(error));
}

}  // namespace fairlead::http
