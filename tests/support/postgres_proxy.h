#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/temp_dir.h"

namespace fairlead::support {

/// Where a session is cut off, once.
enum class Cut : std::uint8_t {
  /// The next request is not passed on.
  kBeforeRequest,
  /// Only its first half is.
  kInRequest,
  /// It is passed on, but not what the server says to it: the server has done it.
  kBeforeAnswer,
};

/// Stands between a client of PostgreSQL and its server's Unix socket and cuts sessions off at
/// chosen places. Requests are told apart by the server's ReadyForQuery.
class PostgresProxy {
 public:
  /// The server's socket is in `server`.
  explicit PostgresProxy(const std::filesystem::path& server);
  ~PostgresProxy();
  PostgresProxy(const PostgresProxy&) = delete;
  PostgresProxy& operator=(const PostgresProxy&) = delete;

  std::string url(const std::string& database) const;
  /// Cuts the session that asks next, after `requests` more have been answered.
  void arm(Cut cut, int requests);
  /// Whether it was cut since.
  bool has_cut() const;

 private:
  struct Session {
    int client = -1;
    int server = -1;
  };
  void run();
  void accept();
  bool pass_request(const Session& session);
  bool pass_answer(const Session& session);
  void close(const Session& session);
  /// Answers in `bytes`, which go on where the last ended.
  int answers_in(std::string_view bytes);

  const std::filesystem::path server_;
  TempDir directory_;
  int listener_ = -1;
  int wake_ = -1;
  std::vector<Session> sessions_;
  std::string tail_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  bool is_armed_ = false;
  bool has_cut_ = false;
  Cut cut_ = Cut::kBeforeRequest;
  int requests_ = 0;

  std::thread thread_;
};

}  // namespace fairlead::support
