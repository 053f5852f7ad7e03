#include "store/writer_thread.h"

#include <pthread.h>

#include <chrono>

namespace fairlead::store {

/// How often a store that is not well is tried when nobody writes.
inline constexpr std::chrono::milliseconds kProbeInterval{500};

WriterThread::WriterThread(Writer& writer) : writer_(writer), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "store-writer");
}

WriterThread::~WriterThread() {
  is_stopping_ = true;
  writer_.stop_waiting();
  writer_.interrupt();
  thread_.join();
}

void WriterThread::run() {
  while (!is_stopping_) {
    if (writer_.step()) continue;
    const bool was_woken = writer_.wait(kProbeInterval);
    if (!was_woken) writer_.probe();
    writer_.maintain();
  }
  while (writer_.step()) continue;
}

}  // namespace fairlead::store
