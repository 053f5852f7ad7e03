#pragma once

#include <functional>
#include <memory>
#include <string>

#include "auth/claims.h"
#include "auth/keys.h"
#include "auth/refusal.h"

namespace fairlead::auth {

/// Port to threads that check signatures which would hold up a shard.
class SlowChecks {
 public:
  struct Job {
    std::string token;
    std::shared_ptr<const KeySet> keys;
    /// Later, on the shard that offered.
    std::move_only_function<void(Verdict<Claims>)> done;
  };

  virtual ~SlowChecks() = default;
  /// False: as many wait as may, and nothing will be done. Does not block.
  virtual bool offer(Job job) = 0;
};

}  // namespace fairlead::auth
