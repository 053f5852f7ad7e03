#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/postgres/answer.h"
#include "store/postgres/parameters.h"
#include "store/postgres/problem.h"

struct pg_conn;

namespace fairlead::store::postgres {

struct ConnectionOptions {
  /// postgresql://…, as libpq takes it.
  std::string url;
  /// What the server's list of sessions shows; up to 63 bytes.
  std::string name;
  /// Run once, such as SET statements.
  std::string preamble;
  /// A server that is silent for longer is taken for gone.
  std::chrono::milliseconds timeout{30'000};
};

/// One session with a server. One thread at a time. When it is lost it stays so: open another.
class Connection {
 public:
  static Outcome<std::unique_ptr<Connection>> open(const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// SQL text of any number of statements; rows are ignored.
  Outcome<void> execute(const std::string& sql);

  /// One statement, prepared at its first use. `sql` lives as long as the program.
  template <typename... Values>
  Outcome<Answer> query(std::string_view sql, const Values&... values) {
    return query_with(sql, Parameters(values...));
  }

  // ---- many statements in one round trip --------------------------------------------------------
  /// From here to finish() nothing but send().
  Outcome<void> begin_pipeline();
  template <typename... Values>
  void send(std::string_view sql, const Values&... values) {
    send_with(sql, Parameters(values...));
  }
  /// Whether the server may have got the last statement.
  bool has_sent_all() const { return !has_failed_to_send_; }
  /// Waits for all answers. The first statement that fails takes those behind it along, and the
  /// transaction, which is rolled back.
  Outcome<void> finish_pipeline();

  // ---- COPY … FROM STDIN ------------------------------------------------------------------------
  /// `sql` may hold statements before the COPY, which is the last.
  Outcome<void> copy(const std::string& sql, std::string_view data);

  /// False when the other side has closed it: asks the socket only.
  bool is_alive();

 private:
  struct Closer {
    void operator()(pg_conn* connection) const;
  };
  using Clock = std::chrono::steady_clock;

  Connection(std::unique_ptr<pg_conn, Closer> connection, std::chrono::milliseconds timeout)
      : connection_(std::move(connection)), timeout_(timeout) {}

  Outcome<Answer> query_with(std::string_view sql, const Parameters& parameters);
  void send_with(std::string_view sql, const Parameters& parameters);
  Outcome<const char*> prepare(std::string_view sql, const Parameters& parameters);
  Outcome<void> flush(Clock::time_point deadline);
  Outcome<void> wait_for_socket(bool is_writing, Clock::time_point deadline);
  /// The next answer; a null pointer at the end of a statement's answers.
  Outcome<pg_result*> next(Clock::time_point deadline);
  Outcome<Answer> answer_of_one();
  Clock::time_point deadline() const { return Clock::now() + timeout_; }
  /// libpq refused to go on.
  Problem lost();
  Problem problem_of(const pg_result* result) const;
  bool is_broken() const;

  std::unique_ptr<pg_conn, Closer> connection_;
  const std::chrono::milliseconds timeout_;
  /// Names of what is prepared, by the place of its text.
  boost::unordered_flat_map<const char*, std::string> prepared_;
  /// Answers that finish_pipeline() waits for.
  std::size_t sent_ = 0;
  bool has_failed_to_send_ = false;
  bool has_timed_out_ = false;
};

/// Whether libpq understands it; the error does not repeat it.
Result<void> check_url(const std::string& url);

/// Where it leads, for logs: `host:port/database`.
std::string place_of(const std::string& url);

}  // namespace fairlead::store::postgres
