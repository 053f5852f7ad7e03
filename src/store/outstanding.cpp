#include "store/outstanding.h"

#include <utility>

#include "base/assert.h"

namespace fairlead::store {

inline constexpr std::int64_t kRetryAfterMs = 1000;

void Outstanding::succeed(std::size_t count) {
  for (; count > 0 && !is_closed_; --count) {
    Completion<void> done = waiting_.pop();
    done({});
  }
}

void Outstanding::fail(Generation failed, const std::string& why) {
  if (is_closed_) return;
  FAIRLEAD_ASSERT(failed == generation_);
  ++generation_;
  Fifo<Completion<void>> failing = std::exchange(waiting_, {});
  while (!failing.is_empty() && !is_closed_) {
    Completion<void> done = failing.pop();
    done(std::unexpected(Error{.code = Code::kOverloaded,
                               .message = "the store cannot write: " + why,
                               .retry_after_ms = kRetryAfterMs}));
  }
}

void Outstanding::close() {
  is_closed_ = true;
  waiting_.clear();
}

}  // namespace fairlead::store
