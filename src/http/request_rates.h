#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "auth/principal.h"
#include "base/result.h"
#include "hub/meter.h"

namespace fairlead::http {

/// One bucket for the HTTP requests of each principal (protocol, section 8), whichever shards its
/// connections are on. Thread-safe: locks stand for a part of the principals each and are held for
/// one look. Bounded: a part that is full forgets the buckets that are full again, which is no
/// loss, and all of them only when every one is in use.
class RequestRates {
 public:
  static constexpr std::size_t kMaxBuckets = 100'000;

  /// `tenants` outlives this.
  RequestRates(const hub::RateLimit& limit, hub::TenantMeters& tenants)
      : limit_(limit), tenants_(tenants) {}

  /// Takes one request with a body of so many bytes, of the principal and of its tenant;
  /// kRateLimited with the time to wait where it is too many, and nothing is taken.
  Result<void> charge(const auth::Principal& who, std::size_t bytes, std::int64_t steady_ms);

 private:
  static constexpr std::size_t kParts = 64;
  struct Part {
    std::mutex mutex;
    /// By tenant, kind and subject. Guarded by mutex.
    boost::unordered_flat_map<std::string, hub::Meter> buckets;
  };

  const hub::RateLimit limit_;
  hub::TenantMeters& tenants_;
  std::array<Part, kParts> parts_;
};

}  // namespace fairlead::http
