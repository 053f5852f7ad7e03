#include "store/postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace fairlead::store::postgres {
namespace {

/// Of what libpq says, which may be several lines for several hosts.
std::string first_line(std::string_view text) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  return std::string(text.substr(0, text.find('\n')));
}

std::string text_or(const char* text, const char* otherwise) {
  return text == nullptr ? otherwise : text;
}

/// Ends of sessions that the server announces (appendix A of its manual): it stops, crashed, is
/// not up yet, or has become read-only behind our back.
bool says_lost(std::string_view sqlstate) {
  static constexpr std::array<std::string_view, 5> kLost = {"57P01", "57P02", "57P03", "57P05",
                                                            "25006"};
  return sqlstate.starts_with("08") || std::ranges::find(kLost, sqlstate) != kLost.end();
}

}  // namespace

void Connection::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::~Connection() = default;

Outcome<std::unique_ptr<Connection>> Connection::open(const ConnectionOptions& options) {
  // What stands behind `dbname` wins over the URL, what stands before it is a default.
  static constexpr std::array<const char*, 9> kNames = {
      "connect_timeout",  "keepalives_idle",  "keepalives_interval",
      "keepalives_count", "tcp_user_timeout", "dbname",
      "application_name", "client_encoding",  nullptr};
  const std::array<const char*, 9> values = {
      "5", "10", "5", "3", "20000", options.url.c_str(), options.name.c_str(), "UTF8", nullptr};
  std::unique_ptr<pg_conn, Closer> raw(PQconnectdbParams(kNames.data(), values.data(), 1));
  if (PQstatus(raw.get()) != CONNECTION_OK) {
    return std::unexpected(
        Problem{.message = first_line(PQerrorMessage(raw.get())), .is_lost = true});
  }
  PQsetNoticeProcessor(raw.get(), [](void*, const char*) {}, nullptr);
  PQsetnonblocking(raw.get(), 1);
  std::unique_ptr<Connection> connection(new Connection(std::move(raw), options.timeout));
  if (auto done = connection->execute(options.preamble); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return connection;
}

bool Connection::is_broken() const {
  return has_timed_out_ || PQstatus(connection_.get()) != CONNECTION_OK;
}

Problem Connection::lost() {
  if (has_timed_out_) {
    return {.message = fmt::format("no answer within {} ms", timeout_.count()), .is_lost = true};
  }
  std::string message = first_line(PQerrorMessage(connection_.get()));
  if (message.empty()) message = "the connection was lost";
  return {.message = std::move(message), .is_lost = true};
}

Problem Connection::problem_of(const pg_result* result) const {
  Problem problem{.sqlstate = text_or(PQresultErrorField(result, PG_DIAG_SQLSTATE), ""),
                  .message = first_line(text_or(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                                                PQresultErrorMessage(result)))};
  problem.is_lost = is_broken() || problem.sqlstate.empty() || says_lost(problem.sqlstate);
  return problem;
}

// ---- the socket ---------------------------------------------------------------------------------

Outcome<void> Connection::wait_for_socket(bool is_writing, Clock::time_point deadline) {
  pollfd wanted{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
  if (is_writing) wanted.events |= POLLOUT;
  int ready = -1;
  while (ready < 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    ready = ::poll(&wanted, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready < 0 && errno != EINTR) return std::unexpected(lost());
  }
  if (ready == 0) {
    has_timed_out_ = true;
    return std::unexpected(lost());
  }
  // Also while writing: a server that is not heard stops listening.
  if ((wanted.revents & ~POLLOUT) != 0 && PQconsumeInput(connection_.get()) == 0) {
    return std::unexpected(lost());
  }
  return {};
}

Outcome<void> Connection::flush(Clock::time_point deadline) {
  while (true) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return std::unexpected(lost());
    if (auto waited = wait_for_socket(true, deadline); !waited) return waited;
  }
}

Outcome<pg_result*> Connection::next(Clock::time_point deadline) {
  if (auto flushed = flush(deadline); !flushed) return std::unexpected(std::move(flushed.error()));
  while (PQisBusy(connection_.get()) != 0) {
    if (auto waited = wait_for_socket(false, deadline); !waited) {
      return std::unexpected(std::move(waited.error()));
    }
  }
  return PQgetResult(connection_.get());
}

bool Connection::is_alive() {
  if (is_broken()) return false;
  pollfd wanted{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
  // Nothing comes unasked but the news of an end.
  if (::poll(&wanted, 1, 0) <= 0) return true;
  return PQconsumeInput(connection_.get()) != 0 && !is_broken();
}

// ---- single statements --------------------------------------------------------------------------

/// The last answer of a query that was sent, or the first problem.
Outcome<Answer> Connection::answer_of_one() {
  const auto until = deadline();
  Answer last(nullptr);
  std::optional<Problem> problem;
  while (true) {
    const Outcome<pg_result*> result = next(until);
    if (!result) return std::unexpected(result.error());
    if (*result == nullptr) break;
    Answer answer(*result);
    const ExecStatusType status = PQresultStatus(*result);
    if (status == PGRES_FATAL_ERROR && !problem) problem = problem_of(*result);
    last = std::move(answer);
    // Its data are still to be sent: nothing else comes before.
    if (status == PGRES_COPY_IN) break;
  }
  if (problem) return std::unexpected(std::move(*problem));
  return last;
}

Outcome<void> Connection::execute(const std::string& sql) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return std::unexpected(lost());
  auto answer = answer_of_one();
  if (!answer) return std::unexpected(std::move(answer.error()));
  return {};
}

Outcome<const char*> Connection::prepare(std::string_view sql, const Parameters& parameters) {
  const auto [found, is_new] =
      prepared_.try_emplace(sql.data(), fmt::format("s{}", prepared_.size() + 1));
  const char* name = found->second.c_str();
  if (!is_new) return name;
  if (PQsendPrepare(connection_.get(), name, std::string(sql).c_str(),
                    static_cast<int>(parameters.size()), parameters.types().data()) == 0) {
    return std::unexpected(lost());
  }
  if (PQpipelineStatus(connection_.get()) == PQ_PIPELINE_ON) {
    ++sent_;
    return name;
  }
  if (auto answer = answer_of_one(); !answer) {
    prepared_.erase(sql.data());
    return std::unexpected(std::move(answer.error()));
  }
  return name;
}

Outcome<Answer> Connection::query_with(std::string_view sql, const Parameters& parameters) {
  const auto name = prepare(sql, parameters);
  if (!name) return std::unexpected(name.error());
  if (PQsendQueryPrepared(connection_.get(), *name, static_cast<int>(parameters.size()),
                          parameters.values().data(), parameters.lengths().data(),
                          parameters.formats().data(), 1) == 0) {
    return std::unexpected(lost());
  }
  return answer_of_one();
}

// ---- pipeline -----------------------------------------------------------------------------------

Outcome<void> Connection::begin_pipeline() {
  sent_ = 0;
  has_failed_to_send_ = false;
  if (PQenterPipelineMode(connection_.get()) == 0) return std::unexpected(lost());
  return {};
}

void Connection::send_with(std::string_view sql, const Parameters& parameters) {
  const auto name = prepare(sql, parameters);
  if (!name || PQsendQueryPrepared(connection_.get(), *name, static_cast<int>(parameters.size()),
                                   parameters.values().data(), parameters.lengths().data(),
                                   parameters.formats().data(), 1) == 0) {
    has_failed_to_send_ = true;
    return;
  }
  ++sent_;
}

Outcome<void> Connection::finish_pipeline() {
  if (has_failed_to_send_ || PQpipelineSync(connection_.get()) == 0) {
    return std::unexpected(lost());
  }
  std::optional<Problem> problem;
  const auto until = deadline();
  // Each statement's answers end with a null pointer; then comes that of the sync, without one.
  for (std::size_t ended = 0; ended <= sent_;) {
    const Outcome<pg_result*> result = next(until);
    if (!result) return std::unexpected(result.error());
    if (*result == nullptr) {
      ++ended;
      if (is_broken()) return std::unexpected(problem ? std::move(*problem) : lost());
      continue;
    }
    const Answer answer(*result);
    const ExecStatusType status = PQresultStatus(*result);
    if (status == PGRES_PIPELINE_SYNC) break;
    if (status == PGRES_FATAL_ERROR && !problem) problem = problem_of(*result);
  }
  if (PQexitPipelineMode(connection_.get()) == 0) return std::unexpected(lost());
  if (!problem) return {};
  // What stood behind the failure was not prepared.
  prepared_.clear();
  if (!problem->is_lost) {
    if (auto done = execute("ROLLBACK; DEALLOCATE ALL"); !done) return done;
  }
  return std::unexpected(std::move(*problem));
}

// ---- COPY ---------------------------------------------------------------------------------------

Outcome<void> Connection::copy(const std::string& sql, std::string_view data) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return std::unexpected(lost());
  if (auto ready = answer_of_one(); !ready) return std::unexpected(std::move(ready.error()));
  // In pieces, so that libpq's own buffer stays small.
  constexpr std::size_t kPiece = std::size_t{256} << 10;
  while (!data.empty()) {
    const std::string_view piece = data.substr(0, kPiece);
    if (PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size())) != 1) {
      return std::unexpected(lost());
    }
    if (auto flushed = flush(deadline()); !flushed) return flushed;
    data.remove_prefix(piece.size());
  }
  if (PQputCopyEnd(connection_.get(), nullptr) != 1) return std::unexpected(lost());
  auto answer = answer_of_one();
  if (!answer) return std::unexpected(std::move(answer.error()));
  return {};
}

// ---- URLs ---------------------------------------------------------------------------------------

namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::unique_ptr<PQconninfoOption, FreeOptions> parse(const std::string& url) {
  char* message = nullptr;
  std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(url.c_str(), &message));
  PQfreemem(message);
  return options;
}

}  // namespace

Result<void> check_url(const std::string& url) {
  if (parse(url)) return {};
  return fail(Code::kInvalid,
              "store.url: must be postgresql://[user[:password]@][host][:port][/database]"
              "[?parameter=value&…]");
}

std::string place_of(const std::string& url) {
  const auto options = parse(url);
  std::string host;
  std::string port;
  std::string database;
  for (const PQconninfoOption* option = options.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if (keyword == "host") host = text_or(option->val, "");
    if (keyword == "port") port = text_or(option->val, "");
    if (keyword == "dbname") database = text_or(option->val, "");
  }
  return fmt::format("{}{}{}/{}", host.empty() ? "localhost" : host, port.empty() ? "" : ":", port,
                     database);
}

}  // namespace fairlead::store::postgres
