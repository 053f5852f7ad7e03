#include "store/readers.h"

#include <pthread.h>

#include <utility>

namespace fairlead::store {

bool ReadQueue::put(std::shared_ptr<Postbox> postbox, Query query) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || waiting_.size() >= bound_) return false;
    waiting_.push_back({std::move(postbox), std::move(query)});
  }
  work_.notify_one();
  return true;
}

bool ReadQueue::step(Reader& reader) {
  std::unique_lock lock(mutex_);
  if (waiting_.empty()) return false;
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  lock.unlock();
  Letter letter = next.query(reader);
  reads_.fetch_add(1, std::memory_order_relaxed);
  next.postbox->post(std::move(letter));
  return true;
}

bool ReadQueue::wait() {
  std::unique_lock lock(mutex_);
  work_.wait(lock, [this] { return is_stopped_ || !waiting_.empty(); });
  return !is_stopped_;
}

void ReadQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }
  clear();
  work_.notify_all();
}

void ReadQueue::clear() {
  std::deque<Waiting> dropped;
  const std::lock_guard lock(mutex_);
  std::swap(dropped, waiting_);
}

Readers::Readers(ReadQueue& queue, std::vector<std::unique_ptr<Reader>> readers)
    : queue_(queue), readers_(std::move(readers)) {
  for (const auto& reader : readers_) {
    threads_.emplace_back([this, &reader = *reader] {
      while (queue_.wait()) queue_.step(reader);
    });
    pthread_setname_np(threads_.back().native_handle(), "store-reader");
  }
}

Readers::~Readers() {
  queue_.stop();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace fairlead::store
