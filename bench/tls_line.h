#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "base/result.h"

extern "C" {
struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;
}

namespace fairlead::bench {

using TlsTicket = std::shared_ptr<ssl_session_st>;

/// What the load generator's TLS connections share. It checks no certificate: the server is ours.
class TlsClients {
 public:
  TlsClients();
  ssl_ctx_st* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// TLS 1.3 on a descriptor that it does not own, with OpenSSL and nothing of the hub's.
class TlsLine {
 public:
  /// Shakes hands, blocking; from `ticket` where there is one.
  static Result<std::unique_ptr<TlsLine>> open(const TlsClients& clients, int fd,
                                               const TlsTicket& ticket = {});

  /// As recv(2) and send(2); EAGAIN when the descriptor does not block.
  ssize_t receive(char* into, std::size_t size) const;
  ssize_t send(const char* from, std::size_t size) const;
  /// Bytes that epoll knows nothing of.
  bool has_unread() const;
  bool was_resumed() const;
  /// The newest that the server has sent with what was received.
  TlsTicket ticket() const;

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  explicit TlsLine(ssl_st* session) : session_(session) {}

  std::unique_ptr<ssl_st, Free> session_;
};

/// A self-signed certificate and its P-256 key, written to two files.
struct TlsIdentity {
  std::string certificate_file;
  std::string key_file;

  static Result<TlsIdentity> make(const std::string& directory);
};

}  // namespace fairlead::bench
