#pragma once

#include <cstdint>
#include <string>

#include "base/completion.h"

namespace fairlead::auth {

/// A token that is not to be taken any more, named by its `jti` within its tenant.
struct Revocation {
  std::string tenant;
  std::string jti;
  /// When the token expires by itself and the revocation may be forgotten; 0: never.
  std::int64_t expires_at_ms = 0;

  friend bool operator==(const Revocation&, const Revocation&) = default;
};

/// Where revocations become durable. Thread: any shard; `done` comes back on the one that asked.
class Repository {
 public:
  virtual ~Repository() = default;
  /// Stores one; doing so again keeps the later expiry. `done` runs after the commit, or with
  /// kOverloaded when nothing was stored.
  virtual void revoke(Revocation revocation, Completion<void> done) = 0;
  /// Drops what has expired at `now_ms`.
  virtual void forget_expired(std::int64_t now_ms, Completion<void> done) = 0;
};

}  // namespace fairlead::auth
