#include "auth/failures.h"

#include <algorithm>
#include <utility>

namespace fairlead::auth {

void Failures::age(std::int64_t steady_ms) {
  const bool is_over = steady_ms - generation_began_ >= kMinuteMs;
  if (!is_over && young_.size() < kGeneration) return;
  old_ = std::exchange(young_, {});
  generation_began_ = steady_ms;
}

Failures::Bucket* Failures::find(const std::string& address) {
  if (const auto young = young_.find(address); young != young_.end()) return &young->second;
  const auto old = old_.find(address);
  return old == old_.end() ? nullptr : &old->second;
}

void Failures::drain(Bucket& bucket, std::int64_t steady_ms) const {
  const std::int64_t elapsed = std::clamp<std::int64_t>(steady_ms - bucket.seen_at, 0, kMinuteMs);
  bucket.level = std::max<std::int64_t>(0, bucket.level - elapsed * per_minute_);
  bucket.seen_at = steady_ms;
}

std::int64_t Failures::wait_ms(const std::string& address, std::int64_t steady_ms) {
  if (young_.empty() && old_.empty()) return 0;
  Bucket* const bucket = find(address);
  if (bucket == nullptr) return 0;
  drain(*bucket, steady_ms);
  const std::int64_t over = bucket->level - (per_minute_ - 1) * kMinuteMs;
  return over <= 0 ? 0 : (over + per_minute_ - 1) / per_minute_;
}

void Failures::count(const std::string& address, std::int64_t steady_ms) {
  age(steady_ms);
  Bucket bucket;
  if (const Bucket* const known = find(address)) bucket = *known;
  drain(bucket, steady_ms);
  bucket.level = std::min(bucket.level + kMinuteMs, per_minute_ * kMinuteMs);
  old_.erase(address);
  young_.insert_or_assign(address, bucket);
}

}  // namespace fairlead::auth
