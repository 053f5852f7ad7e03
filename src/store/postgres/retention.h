#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "store/driver.h"
#include "store/postgres/connection.h"
#include "store/postgres/session.h"

namespace fairlead::store::postgres {

/// Drops the partitions of days before `day`; returns how many. Gives up on one that others use,
/// after a moment: whoever wants it meanwhile would have to wait, too.
Outcome<std::size_t> drop_days_before(Connection& connection, std::int64_t day);

/// Does so as time goes on, through a session of its own.
class Retention final : public Keeper {
 public:
  /// Keeps samples for `days` at least, from their arrival on.
  Retention(const Options& options, const Clock& clock, std::int64_t days);
  ~Retention() override;
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

 private:
  void run();
  Outcome<std::size_t> step();

  const ConnectionOptions options_;
  const Clock& clock_;
  const std::int64_t days_;
  std::unique_ptr<Connection> connection_;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace fairlead::store::postgres
