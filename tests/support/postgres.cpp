#include "support/postgres.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "support/failure.h"
#include "support/hub_process.h"

namespace fairlead::support {
namespace {

constexpr std::string_view kPrograms = "/usr/lib/postgresql/15/bin/";
/// Who runs the server when the test is root, which PostgreSQL refuses.
constexpr const char* kOwner = "nobody";

using Session = std::unique_ptr<PGconn, decltype([](PGconn* each) { PQfinish(each); })>;
using Answer = std::unique_ptr<PGresult, decltype([](PGresult* each) { PQclear(each); })>;

Session connect(const std::string& url) {
  Session session(PQconnectdb(url.c_str()));
  if (PQstatus(session.get()) != CONNECTION_OK) throw Failure(PQerrorMessage(session.get()));
  PQsetNoticeProcessor(session.get(), [](void*, const char*) {}, nullptr);
  return session;
}

bool is_good(const Answer& answer) {
  const ExecStatusType status = PQresultStatus(answer.get());
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/// A port of the loopback that nobody has at this moment.
std::uint16_t free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const place = reinterpret_cast<sockaddr*>(&address);
  const bool is_bound = ::bind(probe, place, size) == 0 && ::getsockname(probe, place, &size) == 0;
  ::close(probe);
  if (!is_bound) throw Failure("there is no free port");
  return ntohs(address.sin_port);
}

/// Gives it to whom the server runs as.
void give_away(const std::filesystem::path& path) {
  if (::geteuid() != 0) return;
  const passwd* const owner = ::getpwnam(kOwner);
  if (owner == nullptr || ::chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
    throw Failure("a file of a PostgreSQL server cannot be given away");
  }
}

}  // namespace

PostgresServer::PostgresServer(const Identity* identity) {
  initialise();
  if (identity != nullptr) demand_tls(*identity);
  start();
}

PostgresServer::~PostgresServer() {
  if (process_ && !process_->has_ended()) {
    thaw();
    crash();
  }
}

/// The command, run by somebody who is not root.
std::vector<std::string> PostgresServer::as_owner(std::vector<std::string> command,
                                                  bool dies_with_test) const {
  std::vector<std::string> all = {"/usr/bin/setpriv"};
  if (::geteuid() == 0) {
    all.insert(all.end(), {"--reuid", kOwner, "--regid", "nogroup", "--clear-groups"});
  }
  // A change of user takes back what Process asked the kernel for.
  if (dies_with_test) all.insert(all.end(), {"--pdeathsig", "QUIT"});
  all.emplace_back("--");
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

void PostgresServer::initialise() {
  give_away(directory_.path());
  auto command = as_owner({std::string(kPrograms) + "initdb", "-D", data().string(), "-U",
                           "fairlead", "--auth=trust", "--no-sync", "--encoding=UTF8",
                           "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"},
                          false);
  const std::string program = command.front();
  command.erase(command.begin());
  const Finished made = run(program, command, {}, Deadline{kStartPatience});
  if (made.code != 0) throw Failure("initdb: " + made.out + made.err);
}

void PostgresServer::demand_tls(const Identity& identity) {
  port_ = free_port();
  give_away(directory_.write("server.pem", identity.certificate));
  give_away(directory_.write("server.key", identity.key));
  give_away(
      directory_.write("hba.conf", "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"));
}

void PostgresServer::start() {
  std::vector<std::string> command = {std::string(kPrograms) + "postgres",
                                      "-D",
                                      data().string(),
                                      "-k",
                                      directory_.path().string(),
                                      "-c",
                                      "shared_buffers=32MB",
                                      "-c",
                                      "max_connections=60",
                                      "-c",
                                      "log_min_messages=fatal",
                                      "-c",
                                      "fsync=off",
                                      "-c",
                                      "max_wal_size=256MB",
                                      "-c"};
  if (port_ == 0) {
    command.emplace_back("listen_addresses=");
  } else {
    const std::string directory = directory_.path().string();
    command.insert(command.end(), {"listen_addresses=127.0.0.1", "-p", std::to_string(port_), "-c",
                                   "ssl=on", "-c", "ssl_cert_file=" + directory + "/server.pem",
                                   "-c", "ssl_key_file=" + directory + "/server.key", "-c",
                                   "hba_file=" + directory + "/hba.conf"});
  }
  command = as_owner(std::move(command), true);
  const std::string program = command.front();
  command.erase(command.begin());
  process_ = std::make_unique<Process>(program, command);
  const Deadline patience{kStartPatience};
  while (PQping(url("postgres").c_str()) != PQPING_OK) {
    if (patience.left_ms() == 0) throw Failure("no PostgreSQL: " + process_->errors());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void PostgresServer::crash() {
  process_->signal(SIGQUIT);
  process_->wait(Deadline{kStartPatience});
}

/// The processes of clients. Those of the server itself may go on.
std::vector<pid_t> PostgresServer::sessions() const {
  std::vector<pid_t> found = {process_->pid()};
  const std::string children =
      read_file(fmt::format("/proc/{0}/task/{0}/children", process_->pid()));
  for (const char* at = children.c_str(); *at != '\0';) {
    char* end = nullptr;
    const long pid = std::strtol(at, &end, 10);
    if (end == at) break;
    found.push_back(static_cast<pid_t>(pid));
    at = end;
  }
  return found;
}

void PostgresServer::freeze() {
  for (const pid_t each : sessions()) ::kill(each, SIGSTOP);
}

void PostgresServer::thaw() {
  for (const pid_t each : sessions()) ::kill(each, SIGCONT);
}

std::string PostgresServer::url(const std::string& database) const {
  std::string url =
      fmt::format("postgresql:///{}?user=fairlead&host={}", database, directory_.path().string());
  // The name of the socket has it too.
  if (port_ != 0) url += fmt::format("&port={}", port_);
  return url;
}

std::string PostgresServer::tcp_url(const std::string& database,
                                    const std::string& parameters) const {
  return fmt::format("postgresql://fairlead@127.0.0.1:{}/{}?{}", port_, database, parameters);
}

PostgresServer& shared_postgres() {
  static PostgresServer server;
  return server;
}

PostgresDatabase::PostgresDatabase(PostgresServer& server) : server_(server), name_(unique("db")) {
  const Session session = connect(server_.url("postgres"));
  const Answer made(PQexec(session.get(), fmt::format("CREATE DATABASE \"{}\"", name_).c_str()));
  if (!is_good(made)) throw Failure(PQresultErrorMessage(made.get()));
}

PostgresDatabase::~PostgresDatabase() {
  const Session session(PQconnectdb(server_.url("postgres").c_str()));
  const Answer gone(
      PQexec(session.get(), fmt::format("DROP DATABASE \"{}\" WITH (FORCE)", name_).c_str()));
}

std::string PostgresDatabase::ask(const std::string& sql) const {
  const Session session = connect(url());
  const Answer answer(PQexec(session.get(), sql.c_str()));
  if (!is_good(answer)) throw Failure(PQresultErrorMessage(answer.get()));
  return PQntuples(answer.get()) == 0 ? "" : PQgetvalue(answer.get(), 0, 0);
}

std::string PostgresDatabase::refusal(const std::string& sql) const {
  const Session session = connect(url());
  const Answer answer(PQexec(session.get(), sql.c_str()));
  if (is_good(answer)) return "";
  const char* const state = PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
  return state == nullptr ? PQresultErrorMessage(answer.get()) : state;
}

}  // namespace fairlead::support
