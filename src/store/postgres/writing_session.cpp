#include "store/postgres/writing_session.h"

#include <thread>
#include <utility>

namespace fairlead::store::postgres {
namespace {

/// "fairlead" as a number.
constexpr std::int64_t kLock = 0x6661'6972'6c65'6164;
constexpr const char* kTryLock = "SELECT pg_try_advisory_lock($1)";
// A session whose socket died without a word may still hold the lock, or even commit.
constexpr const char* kEndOthers =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 "
    "AND datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()";
constexpr const char* kRecorded = "SELECT batch FROM writers WHERE hub = $1 FOR UPDATE";
constexpr std::chrono::milliseconds kBetweenLooks{100};

}  // namespace

WritingSession::WritingSession(const Options& options, std::string hub)
    : hub_(std::move(hub)), options_(writer_session(options, "fairlead " + hub_)) {}

Outcome<Connection*> WritingSession::get() {
  if (connection_) return connection_.get();
  auto opened = Connection::open(options_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  if (auto held = hold(**opened); !held) {
    held.error().is_lost = true;
    return std::unexpected(std::move(held.error()));
  }
  connection_ = std::move(*opened);
  return connection_.get();
}

Outcome<void> WritingSession::hold(Connection& connection) const {
  if (auto ended = connection.query(kEndOthers, options_.name); !ended) {
    return std::unexpected(std::move(ended.error()));
  }
  const auto taken = connection.query(kTryLock, kLock);
  if (!taken) return std::unexpected(taken.error());
  if (taken->integer(0, 0) != 0) return {};
  return std::unexpected(
      Problem{.sqlstate = "55P03", .message = "another fairlead writes to this database"});
}

Outcome<Connection*> WritingSession::wait_for(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    auto connection = get();
    const bool is_held = !connection && connection.error().has_class("55P03");
    if (!is_held || std::chrono::steady_clock::now() >= until) return connection;
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

Outcome<std::optional<std::int64_t>> WritingSession::recorded(Connection& connection,
                                                              const std::string& hub) {
  const auto answer = connection.query(kRecorded, hub);
  if (!answer) return std::unexpected(answer.error());
  if (answer->rows() == 0) return std::nullopt;
  return answer->integer(0, 0);
}

}  // namespace fairlead::store::postgres
