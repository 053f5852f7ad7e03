#include "store/postgres/retention.h"

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <string>
#include <utility>

#include "store/postgres/sample_batch.h"

namespace fairlead::store::postgres {
namespace {

constexpr std::chrono::minutes kInterval{1};
/// Between two attempts at what others held.
constexpr std::chrono::seconds kRetryInterval{5};

// Names are those of make_telemetry_day().
constexpr const char* kOld =
    "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'telemetry_data'::regclass AND relname ~ '^telemetry_data_[0-9]{8}$' "
    "AND to_date(right(relname, 8), 'YYYYMMDD') < date '1970-01-01' + $1::integer ORDER BY 1";

}  // namespace

Outcome<std::size_t> drop_days_before(Connection& connection, std::int64_t day) {
  const auto old = connection.query(kOld, day);
  if (!old) return std::unexpected(old.error());
  std::size_t dropped = 0;
  for (int row = 0; row < old->rows(); ++row) {
    // Everybody who reads telemetry stands behind a DROP that waits for its lock.
    auto done = connection.execute(fmt::format(
        "BEGIN; SET LOCAL lock_timeout = '100ms'; DROP TABLE \"{}\"; COMMIT", old->view(row, 0)));
    if (!done) {
      if (!done.error().is_lost) static_cast<void>(connection.execute("ROLLBACK"));
      return std::unexpected(std::move(done.error()));
    }
    ++dropped;
  }
  return dropped;
}

Retention::Retention(const Options& options, const Clock& clock, std::int64_t days)
    : options_(writer_session(options, "fairlead keeper")),
      clock_(clock),
      days_(days),
      thread_([this] { run(); }) {}

Retention::~Retention() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stopping_.notify_one();
  thread_.join();
}

void Retention::run() {
  ::pthread_setname_np(::pthread_self(), "store-keeper");
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    lock.unlock();
    const auto dropped = step();
    if (dropped && *dropped > 0) spdlog::info("store: dropped {} days of telemetry", *dropped);
    if (!dropped) {
      spdlog::debug("store: old telemetry cannot be dropped now: {}", dropped.error().message);
    }
    lock.lock();
    const std::chrono::seconds pause = dropped ? kInterval : kRetryInterval;
    stopping_.wait_for(lock, pause, [this] { return is_stopping_; });
  }
}

Outcome<std::size_t> Retention::step() {
  if (!connection_) {
    auto opened = Connection::open(options_);
    if (!opened) return std::unexpected(std::move(opened.error()));
    connection_ = std::move(*opened);
  }
  auto dropped = drop_days_before(*connection_, day_of(clock_.now_ms() - days_ * kDayMs));
  if (!dropped && dropped.error().is_lost) connection_.reset();
  return dropped;
}

}  // namespace fairlead::store::postgres
