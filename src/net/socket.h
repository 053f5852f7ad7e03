#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>

#include "net/io_result.h"

namespace fairlead::net {

class TlsSession;

/// A non-blocking stream socket, owned; in clear or, once secured, with TLS. The one place where
/// bytes enter and leave the process.
class Socket {
 public:
  Socket();
  explicit Socket(int fd);
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close() noexcept;

  /// From now on bytes go through `session`, whose handshake on this descriptor is done.
  void secure(std::unique_ptr<TlsSession> session);
  /// Then reading and writing are not the kernel's alone: nobody else may touch the descriptor.
  bool is_tls() const { return tls_ != nullptr; }
  /// Bytes wait on this side of the kernel, of which epoll says nothing: receive() gives them.
  bool has_unread() const;

  IoResult receive(std::span<char> into) const;
  /// Never raises SIGPIPE. May take less than all. With TLS, small pieces share a record, and after
  /// kBlocked the next call must begin with the same bytes.
  IoResult send(std::span<iovec> pieces) const;
  /// Says that nothing more will be sent (with TLS close_notify, then FIN). What is received after
  /// this is what the wire carries, decrypted no more.
  void finish_sending();
  /// Closes at once with a reset: the peer must not take what it has for all.
  void reset() noexcept;

 private:
  int fd_ = -1;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace fairlead::net
