#pragma once

#include <functional>
#include <mutex>
#include <utility>

namespace fairlead::store {

/// Something to be done on a shard's thread.
using Letter = std::move_only_function<void()>;

/// Takes a letter to a shard. Called from any thread, one at a time; must not run the letter
/// itself, and keeps the order.
using Post = std::move_only_function<void(Letter)>;

/// The way to one shard, which may go away. Thread-safe.
class Postbox {
 public:
  explicit Postbox(Post post) : post_(std::move(post)) {}

  /// Dropped when closed.
  void post(Letter letter) {
    const std::lock_guard lock(mutex_);
    if (post_) post_(std::move(letter));
  }
  /// When this returns, no letter is being posted and none will be.
  void close() {
    const std::lock_guard lock(mutex_);
    post_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Post post_;
};

}  // namespace fairlead::store
