#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "store/driver.h"
#include "store/sqlite/chores.h"
#include "store/sqlite/sealer.h"

namespace fairlead::store::sqlite {

/// Steps a sealer as long as it lives, behind everything else that wants the processor.
class SealerThread final : public Keeper {
 public:
  SealerThread(std::unique_ptr<Sealer> sealer, ChoreDesk& chores);
  ~SealerThread() override;
  SealerThread(const SealerThread&) = delete;
  SealerThread& operator=(const SealerThread&) = delete;

 private:
  void run();
  /// Whether the sealer did something; says so when it could not.
  bool step();

  const std::unique_ptr<Sealer> sealer_;
  ChoreDesk& chores_;
  bool has_failed_ = false;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace fairlead::store::sqlite
