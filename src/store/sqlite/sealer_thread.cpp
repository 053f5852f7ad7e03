#include "store/sqlite/sealer_thread.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace fairlead::store::sqlite {
namespace {

/// How often an idle sealer looks for something to do.
constexpr std::chrono::milliseconds kInterval{500};
/// Between two attempts at what cannot be done.
constexpr std::chrono::milliseconds kRetryInterval{5000};
constexpr int kNice = 10;

}  // namespace

SealerThread::SealerThread(std::unique_ptr<Sealer> sealer, ChoreDesk& chores)
    : sealer_(std::move(sealer)), chores_(chores), thread_([this] { run(); }) {}

SealerThread::~SealerThread() {
  sealer_->interrupt();
  chores_.close();
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stopping_.notify_one();
  thread_.join();
}

void SealerThread::run() {
  ::pthread_setname_np(::pthread_self(), "store-sealer");
  // Of this thread alone, on Linux.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    lock.unlock();
    const bool did = step();
    lock.lock();
    if (did) continue;
    stopping_.wait_for(lock, has_failed_ ? kRetryInterval : kInterval,
                       [this] { return is_stopping_; });
  }
}

bool SealerThread::step() {
  const Result<bool> did = sealer_->step();
  if (did) {
    if (has_failed_) spdlog::info("store: telemetry is sealed again");
    has_failed_ = false;
    return *did;
  }
  if (did.error().code != Code::kOverloaded && !has_failed_) {
    spdlog::warn("store: telemetry cannot be sealed, trying again: {}", did.error().message);
    has_failed_ = true;
  }
  return false;
}

}  // namespace fairlead::store::sqlite
