#include "app/verify_pool.h"

#include <pthread.h>

#include <optional>

#include "auth/verifier.h"

namespace fairlead::app {

VerifyPool::VerifyPool(std::size_t threads, const auth::TokenPolicy& policy, const Clock& clock)
    : policy_(policy), clock_(clock) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), "verify");
  }
}

VerifyPool::~VerifyPool() { stop(); }

bool VerifyPool::offer(Job job, Post post) {
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_.size() >= kMaxWaiting || is_stopping_) return false;
    waiting_.push_back({std::move(job), std::move(post)});
  }
  wake_.notify_one();
  return true;
}

void VerifyPool::stop() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void VerifyPool::run() {
  std::optional<auth::Verifier> verifier;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
    if (is_stopping_) return;
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    if (verifier) {
      verifier->rotate(entry.job.keys);
    } else {
      verifier.emplace(entry.job.keys, policy_, clock_);
    }
    entry.post(
        [done = std::move(entry.job.done), verdict = verifier->check(entry.job.token)]() mutable {
          done(std::move(verdict));
        });
    lock.lock();
  }
}

}  // namespace fairlead::app
