#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "net/io_result.h"
#include "net/tls_context.h"

extern "C" {
struct bio_method_st;
struct bio_st;
struct ssl_st;
}

namespace fairlead::net {

/// TLS on one connected, non-blocking socket, which it does not own. One thread at a time; it may
/// move between threads with its connection. Idle, it holds no buffers.
class TlsSession {
 public:
  enum class Role : std::uint8_t { kServer, kClient };
  enum class Step : std::uint8_t {
    kDone,
    kWantsRead,
    kWantsWrite,
    /// failure() says why; the peer was told by an alert where that is possible.
    kFailed,
  };

  /// `fd` outlives the session.
  TlsSession(const TlsContext& context, Role role, int fd);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// A client's, before the handshake: the name or address that the server must prove, as far as
  /// the context verifies at all. A name is also told to the server (SNI).
  void expect_server(const std::string& host);

  /// As much of the handshake as can be done without waiting.
  Step shake_hands();
  const std::string& failure() const { return failure_; }
  /// The handshake failed because the peer speaks HTTP in clear.
  bool is_plain_http() const { return is_plain_http_; }
  bool is_resumed() const;

  IoResult receive(std::span<char> into);
  IoResult send(std::span<iovec> pieces);
  /// receive() has stopped for want of room: there is more, of which epoll may say nothing.
  bool has_unread() const { return has_unread_; }
  /// close_notify (RFC 8446, 6.1), if the kernel takes it now.
  void say_goodbye();

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  friend struct TlsSocketBio;

  static const bio_method_st* socket_method();
  IoResult failed_read(int result);
  IoResult failed_write(int result);

  std::unique_ptr<ssl_st, Free> session_;
  const int fd_;
  std::string failure_;
  /// Length of the record that the kernel did not take whole; 0 when there is none.
  std::size_t unsent_bytes_ = 0;
  bool has_unread_ = false;
  bool is_at_end_ = false;
  bool is_plain_http_ = false;
};

}  // namespace fairlead::net
