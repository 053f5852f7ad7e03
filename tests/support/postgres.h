#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/certificates.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace fairlead::support {

/// A PostgreSQL server of its own: a new cluster in a temporary directory, reached by a Unix socket
/// there, run as an unprivileged user. It dies with the test. It syncs nothing: its data survive
/// its own crash, not the machine's. Its default collation is not that of bytes. Start it on the
/// main thread.
class PostgresServer {
 public:
  PostgresServer() : PostgresServer(nullptr) {}
  /// With an identity it is reached over TCP too, but with TLS only.
  explicit PostgresServer(const Identity* identity);
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  std::string url(const std::string& database) const;
  /// Over TCP; `parameters` such as `sslmode=require`.
  std::string tcp_url(const std::string& database, const std::string& parameters) const;
  const std::filesystem::path& directory() const { return directory_.path(); }

  /// Starts it, and waits until it takes connections.
  void start();
  /// As a crash: nothing is written any more, sessions are cut off.
  void crash();
  /// SIGSTOP for all of it: connections stay and nobody answers.
  void freeze();
  void thaw();

 private:
  void initialise();
  void demand_tls(const Identity& identity);
  std::vector<std::string> as_owner(std::vector<std::string> command, bool dies_with_test) const;
  std::filesystem::path data() const { return directory_.path() / "data"; }
  std::vector<pid_t> sessions() const;

  TempDir directory_;
  /// 0: by its Unix socket only.
  std::uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

/// The one that the test cases of a program share; started at its first use.
PostgresServer& shared_postgres();

/// An empty database; it goes away with this object.
class PostgresDatabase {
 public:
  explicit PostgresDatabase(PostgresServer& server = shared_postgres());
  ~PostgresDatabase();
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  std::string url() const { return server_.url(name_); }
  const std::string& name() const { return name_; }
  /// Runs SQL; throws Failure with the server's words when it is refused.
  void execute(const std::string& sql) const { ask(sql); }
  /// The first value of the first row, as text; empty when there is none.
  std::string ask(const std::string& sql) const;
  /// The SQLSTATE that refuses it; empty when it is not refused.
  std::string refusal(const std::string& sql) const;

 private:
  PostgresServer& server_;
  const std::string name_;
};

}  // namespace fairlead::support
