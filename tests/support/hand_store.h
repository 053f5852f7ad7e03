#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "store/memory/backend.h"
#include "store/memory/simulated_store.h"

namespace fairlead::support {

/// A store for one shard that commits when the test says so.
class HandStore {
 public:
  explicit HandStore(const Clock& clock) : store_(backend_, clock) {
    shard_ = store_.attach(
        [this](std::move_only_function<void()> letter) { letters_.push_back(std::move(letter)); });
  }

  store::ShardStore& shard() { return *shard_; }
  store::memory::Backend& disk() { return backend_; }

  /// Commits and reads whatever waits, and runs the completions, until nothing is left.
  void commit_all() {
    while (store_.step_writer() || store_.step_reader() || !letters_.empty()) run_letters();
  }
  /// The next commit fails; then as commit_all().
  void fail_all() {
    backend_.fail_next(1);
    commit_all();
  }

 private:
  void run_letters() {
    while (!letters_.empty()) {
      auto letter = std::move(letters_.front());
      letters_.pop_front();
      letter();
    }
  }

  store::memory::Backend backend_;
  store::memory::SimulatedStore store_;
  std::deque<std::move_only_function<void()>> letters_;
  std::unique_ptr<store::ShardStore> shard_;
};

}  // namespace fairlead::support
