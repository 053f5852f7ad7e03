#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "auth/principal.h"
#include "auth/repository.h"

namespace fairlead::auth {

/// The revocations that are in force, as one shard holds them. It grows with what administrators
/// revoke and shrinks as that expires. Not thread-safe.
class Revocations {
 public:
  /// Adding one again keeps the later expiry; 0 is the latest of all.
  void add(const Revocation& revocation) {
    const auto [at, is_new] =
        expiries_.try_emplace(Name(revocation.tenant, revocation.jti), revocation.expires_at_ms);
    if (!is_new) {
      const bool is_later = at->second != kNever && (revocation.expires_at_ms == kNever ||
                                                     revocation.expires_at_ms > at->second);
      if (!is_later) return;
      at->second = revocation.expires_at_ms;
    }
    if (revocation.expires_at_ms != kNever) due_.emplace(revocation.expires_at_ms, at->first);
  }

  /// A token without `jti` never is.
  bool is_revoked(const Principal& principal) const {
    if (!principal.jti || expiries_.empty()) return false;
    return expiries_.contains(Name(principal.tenant, *principal.jti));
  }

  /// Forgets what has expired at `now_ms`, at most `kSweepStep` of it. True: there is more, so
  /// call again in a later turn.
  bool sweep(std::int64_t now_ms) {
    for (std::size_t step = 0; step < kSweepStep; ++step) {
      if (!is_due(now_ms)) return false;
      const auto at = expiries_.find(due_.top().second);
      // One that was added again has a later expiry, and waits for it under that.
      if (at != expiries_.end() && at->second == due_.top().first) expiries_.erase(at);
      due_.pop();
    }
    return is_due(now_ms);
  }

  std::size_t size() const { return expiries_.size(); }

  static constexpr std::size_t kSweepStep = 256;

 private:
  static constexpr std::int64_t kNever = 0;

  /// Tenant and `jti`.
  using Name = std::pair<std::string, std::string>;
  using Due = std::pair<std::int64_t, Name>;

  bool is_due(std::int64_t now_ms) const { return !due_.empty() && due_.top().first <= now_ms; }

  boost::unordered_flat_map<Name, std::int64_t> expiries_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

}  // namespace fairlead::auth
