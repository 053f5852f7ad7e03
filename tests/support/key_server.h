#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "support/temp_dir.h"

namespace fairlead::support {

/// What a key server does with a request.
enum class Serving : std::uint8_t {
  kKeys,
  kKeysInChunks,
  kError500,
  kRedirect,
  kGarbage,
  /// Announces and sends more than anybody wants.
  kHuge,
  /// Sends a letter now and then, never the end.
  kDrip,
  /// Takes the request and says nothing.
  kSilence,
  /// Closes at once.
  kHangUp,
  /// Closes in the middle of the body.
  kCutOff,
};

/// A real HTTP or HTTPS server for one key set, on a port and a thread of its own.
class KeyServer {
 public:
  enum class Tls : std::uint8_t { kNo, kForLocalhost, kForAnotherHost };

  explicit KeyServer(std::string keys, Tls tls = Tls::kNo);
  ~KeyServer();
  KeyServer(const KeyServer&) = delete;
  KeyServer& operator=(const KeyServer&) = delete;

  /// `https://localhost:40123/keys`.
  std::string url() const;
  /// The certificate, self-signed, that clients may trust.
  std::string ca_file() const { return (dir_.path() / "ca.pem").string(); }

  void set_keys(std::string keys);
  void set(Serving serving) { serving_ = serving; }
  /// Further header lines, each with its end.
  void set_headers(std::string headers);
  /// Requests so far.
  int requests() const { return requests_; }
  /// The head of the last one.
  std::string last_request() const;
  /// Nobody listens any more, as when the other side is down; the port stays its own.
  void stop_listening();
  void listen_again();

 private:
  struct Client;
  void make_certificate(const char* host);
  void run();
  void serve(Client& client);
  std::string answer();

  TempDir dir_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_{nullptr, &SSL_CTX_free};
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::string keys_;
  std::string headers_;
  std::string last_request_;
  std::atomic<Serving> serving_ = Serving::kKeys;
  std::atomic<int> requests_ = 0;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

}  // namespace fairlead::support
