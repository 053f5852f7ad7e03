#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace fairlead::net {

/// What one call to the kernel brought.
struct IoResult {
  enum class Status : std::uint8_t {
    kOk,
    /// Nothing now; epoll tells when.
    kBlocked,
    /// The peer has finished sending.
    kEnd,
    /// The connection is gone.
    kLost,
  };
  Status status = Status::kOk;
  std::size_t bytes = 0;

  /// From what a send returned: the bytes it took, or an errno as a negative number.
  static IoResult of_send(std::int64_t result);
};

/// A non-blocking stream socket, owned. The one place where bytes enter and leave the process.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close() noexcept;

  IoResult receive(std::span<char> into) const;
  /// Never raises SIGPIPE. May take less than all.
  IoResult send(std::span<iovec> pieces) const;
  /// Says that nothing more will be sent (FIN); reading goes on.
  void finish_sending() const;
  /// Closes at once with a reset: the peer must not take what it has for all.
  void reset() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace fairlead::net
