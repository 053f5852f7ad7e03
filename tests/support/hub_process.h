#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/http_client.h"
#include "support/process.h"
#include "support/token.h"
#include "support/ws_client.h"

namespace fairlead::support {

/// The program under test.
std::filesystem::path fairlead_binary();
/// The root of the source tree.
std::filesystem::path source_dir();

/// Starting recovers data and may run under a sanitizer.
inline constexpr Milliseconds kStartPatience{30'000};

/// The secret that every test hub is started with.
inline constexpr std::string_view kSecret = "a secret of the tests, long enough for HS256 keys";

struct HubOptions {
  /// "section.key=value", each given with --set.
  std::vector<std::string> settings = {};
  /// Further arguments of `fairlead serve`.
  std::vector<std::string> arguments = {};
  /// Serves TLS with a certificate of an authority of its own.
  bool with_tls = false;
};

/// A hub of its own on a free port, with data that outlives kill() and restart() and goes away
/// with this object.
class HubProcess {
 public:
  explicit HubProcess(HubOptions options = {});

  std::uint16_t port() const { return port_; }
  std::filesystem::path data() const { return dir_.path() / "data"; }
  std::filesystem::path secret_file() const { return dir_.path() / "secret"; }
  Process& process() { return *process_; }
  /// The arguments that it was started with, for starting another one on the same data.
  std::vector<std::string> arguments() const;

  void start();
  /// kill -9, and the wait for it.
  void kill();
  /// SIGTERM and the wait for the end; returns the exit code.
  int stop();
  /// kill() and start().
  void restart();

  /// A token of this hub.
  std::string sign(const Token& token) const { return token.sign(kSecret); }
  /// A connected device of the tenant, whose welcome was read.
  WsClient device(std::string_view id, std::string_view tenant = "default") const;
  /// A connected client that may do everything, whose welcome was read.
  WsClient client(std::string_view tenant = "default") const;
  WsClient client(const Token& token) const;
  /// HTTP with a token that may do everything, in a name of its own, so with a rate of its own.
  HttpClient http(std::string_view tenant = "default") const;
  HttpClient http(const Token& token) const;
  HttpClient anonymous() const { return HttpClient(port_, "", tls()); }

  /// How its clients connect; nothing without TLS.
  std::optional<TlsOptions> tls() const;
  /// Replaces certificate and key, in place; the hub does not know yet.
  void write_identity(const Identity& identity) const;
  Authority& authority() { return authority_; }
  const TempDir& dir() const { return dir_; }

 private:
  HubOptions options_;
  TempDir dir_;
  Authority authority_;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
};

/// "name-17": an id that no other test case of this run has, for tests that share a hub.
std::string unique(std::string_view name);

}  // namespace fairlead::support
