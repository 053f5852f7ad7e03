#include "store/sqlite/chores.h"

namespace fairlead::store::sqlite {

Result<void> ChoreDesk::hand_over(Chore chore, const std::function<void()>& wake) {
  {
    const std::lock_guard lock(mutex_);
    waiting_ = std::move(chore);
    done_.reset();
  }
  wake();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ || is_closed_; });
  waiting_.reset();
  if (!done_) return fail(Code::kOverloaded, "the store is closing");
  return *std::exchange(done_, std::nullopt);
}

void ChoreDesk::serve(const std::function<Result<void>(const Chore&)>& perform) {
  std::optional<Chore> chore;
  {
    const std::lock_guard lock(mutex_);
    chore = std::exchange(waiting_, std::nullopt);
  }
  if (!chore) return;
  Result<void> result = perform(*chore);
  {
    const std::lock_guard lock(mutex_);
    done_ = std::move(result);
  }
  changed_.notify_one();
}

void ChoreDesk::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_one();
}

}  // namespace fairlead::store::sqlite
