#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace fairlead {

/// Letters from many threads to one. `wake` runs once for each change from empty to not empty,
/// on the sender's thread, outside the lock. Letters arrive in the order put, sender by sender.
/// The bound is a high mark: whoever fills the box must stop taking work in while `is_full()`.
template <typename Letter>
class Mailbox {
 public:
  Mailbox(std::size_t high_mark, std::move_only_function<void() const> wake)
      : high_mark_(high_mark), wake_(std::move(wake)) {}

  void put(Letter letter) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = letters_.empty();
      letters_.push_back(std::move(letter));
    }
    if (was_empty) wake_();
  }

  /// Everything that waits, swapped into `into` (which is cleared first; its memory is reused).
  void take(std::vector<Letter>& into) {
    into.clear();
    const std::lock_guard lock(mutex_);
    letters_.swap(into);
  }

  bool is_full() const { return size() >= high_mark_; }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return letters_.size();
  }

 private:
  const std::size_t high_mark_;
  const std::move_only_function<void() const> wake_;
  mutable std::mutex mutex_;
  std::vector<Letter> letters_;
};

}  // namespace fairlead
