#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "store/backend.h"
#include "store/postgres/partitions.h"
#include "store/postgres/sample_batch.h"
#include "store/postgres/session.h"
#include "store/postgres/writing_session.h"

namespace fairlead::store::postgres {

/// Writes into a database that this hub alone writes to. Each batch is one transaction that also
/// counts itself in `writers`: when the connection is lost before the answer to COMMIT came, the
/// next session reads there whether the batch is in. So nothing is stored twice and nothing that
/// was reported is missing.
class Backend final : public store::Backend {
 public:
  /// Takes the database, brings its schema up where that is allowed, and ends the log rows that a
  /// former life left open.
  static Result<std::unique_ptr<Backend>> open(const Options& options, const Clock& clock);

  /// Waits for a server that is away, up to Options::patience; longer only while it is unknown
  /// whether the batch is stored, because then either answer could be wrong.
  Result<void> commit(std::span<Write> batch) override;
  Result<void> probe() override;
  void maintain() override;
  std::optional<std::string> trouble() const override;
  void stop_waiting() override;

 private:
  using Steady = std::chrono::steady_clock;
  struct Send;
  /// One call of commit().
  struct Attempt {
    Steady::time_point give_up;
    /// Of the last try: COMMIT may have reached the server.
    bool is_unknown = false;
    /// It had, and was found not to be stored.
    bool was_unknown = false;
    std::string last_problem{};
  };

  Backend(const Options& options, const Clock& clock, std::string hub);
  Result<void> begin_life();
  Result<void> look_at_schema(Connection& connection);
  void tell_what_is_left(std::span<Write> batch);
  Result<void> gather(std::span<Write> batch);
  Result<void> commit_gathered(std::span<Write> batch);
  Outcome<void> try_commit(std::span<Write> batch, Attempt& attempt);
  Outcome<bool> is_stored(Connection& connection, Attempt& attempt);
  Outcome<void> transact(Connection& connection, std::span<Write> batch, Attempt& attempt);
  Outcome<Connection*> connected();
  void set_trouble(std::optional<std::string> why);
  bool pause(Steady::duration length);

  const Options options_;
  const Clock& clock_;
  WritingSession session_;
  Partitions partitions_;
  SampleBatch samples_;
  /// Committed so far.
  std::int64_t batch_ = 0;
  /// The session has been compared with batch_.
  bool is_checked_ = false;
  Steady::time_point next_look_{};

  mutable std::mutex mutex_;
  std::condition_variable stopping_;
  // Guarded by mutex_.
  std::optional<std::string> trouble_;
  bool is_stopping_ = false;
};

}  // namespace fairlead::store::postgres
