#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "loop.h"
#include "net/reception.h"
#include "net/tls_credentials.h"
#include "support/certificates.h"
#include "support/temp_dir.h"

namespace fairlead::net::test {

/// A server's files, made on the spot.
class TlsSite {
 public:
  explicit TlsSite(const support::Wish& wish = {});

  TlsFiles files() const;
  std::shared_ptr<TlsCredentials> credentials() const;
  /// Makes the server demand certificates of `clients`, which issues them.
  void demand_clients() { demands_clients_ = true; }
  /// Replaces certificate and key.
  void renew(const support::Wish& wish = {});
  std::string root() const { return authority_.certificate(); }

  support::Authority clients{"a root for clients"};

 private:
  support::TempDir dir_;
  support::Authority authority_;
  bool demands_clients_ = false;
};

struct TlsPeerOptions {
  int version = 0;
  /// As in the extension: each name behind its length.
  std::string alpn{};
  support::Identity identity{};
  SSL_SESSION* ticket = nullptr;
  std::string ciphers{};
  /// Does TLS only, so that what it says can be cut and delayed at will.
  bool sends_by_hand = false;
};

/// The other end of a connection that speaks TLS, with OpenSSL's memory BIOs and nothing of ours.
class TlsPeer {
 public:
  TlsPeer(Peer peer, const TlsPeerOptions& options = {});
  ~TlsPeer();
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  void send(std::string_view text);
  /// Moves what there is in both directions.
  void pump();
  /// What TLS wants on the wire and has not been sent.
  std::string take_wire();
  Peer& wire() { return peer_; }
  bool is_open() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  bool has(std::string_view text) const { return received.find(text) != std::string::npos; }
  SSL* ssl() { return ssl_.get(); }
  /// What the last failure was called, by the peer's alert or by OpenSSL.
  std::string problem;
  std::string received;
  /// close_notify came.
  bool is_closed = false;

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  void read();

  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  Peer peer_;
  bool sends_by_hand_;
};

/// A reactor whose connections go through a reception.
class TlsLoop : public Loop {
 public:
  explicit TlsLoop(ReceptionRules rules, const ReactorOptions& options = {});
  /// The test's end of a connection, in clear.
  Peer arrive();
  void until_done(const std::function<bool()>& done, std::vector<TlsPeer*> peers);
  void settle_with(std::vector<TlsPeer*> peers);
  /// Upgrades every request to `session`.
  void upgrade_all();

  std::shared_ptr<Reception> reception;
  /// The reactor's descriptor of the newest connection.
  int newest_fd = -1;
};

}  // namespace fairlead::net::test
