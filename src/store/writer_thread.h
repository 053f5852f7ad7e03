#pragma once

#include <atomic>
#include <thread>

#include "store/writer.h"

namespace fairlead::store {

/// Steps a writer as long as it lives; the end commits what is queued first.
class WriterThread {
 public:
  explicit WriterThread(Writer& writer);
  /// Nobody puts any more.
  ~WriterThread();
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

 private:
  void run();

  Writer& writer_;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace fairlead::store
