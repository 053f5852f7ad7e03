#pragma once

#include <memory>

#include "store/driver.h"
#include "support/postgres.h"
#include "unit/store/world.h"

namespace fairlead::store::test {

/// PostgreSQL: a database of its own on the server that tests share.
class PostgresWorld {
 public:
  PostgresWorld();
  std::unique_ptr<ShardStore> attach(Post post) {
    return std::make_unique<ShardStore>(*writer_, *reads_, std::move(post));
  }
  bool step_writer() { return writer_->step(); }
  bool step_reader() { return reads_->step(*reader_); }
  Result<Loaded> load() { return reader_->load(clock.now_ms()); }
  void reopen() {
    close();
    open();
  }

  HandClock clock;

 private:
  void open();
  void close();

  const support::PostgresDatabase database_;
  const std::unique_ptr<Driver> driver_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<ReadQueue> reads_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace fairlead::store::test
