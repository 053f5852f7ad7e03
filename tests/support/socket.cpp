#include "support/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "support/failure.h"

namespace fairlead::support {

Socket::Socket(std::uint16_t port, int receive_buffer_bytes)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer_bytes > 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close();
    throw Disconnected("cannot connect to port " + std::to_string(port));
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Socket::~Socket() { close(); }

Socket::Socket(Socket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(tls_, other.tls_);
  return *this;
}

void Socket::start_tls(const TlsOptions& options) {
  tls_ = std::make_unique<TlsStream>(fd_, options);
}

bool Socket::send(std::string_view bytes, Deadline deadline) {
  if (tls_) return tls_->send(bytes, deadline);
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd wanted{.fd = fd_, .events = POLLOUT, .revents = 0};
      if (::poll(&wanted, 1, deadline.left_ms()) == 0) {
        throw Failure("the peer takes no more bytes: " + std::to_string(bytes.size()) + " wait");
      }
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool Socket::receive(std::string& into, Deadline deadline) {
  if (tls_) return tls_->receive(into, deadline);
  pollfd wanted{.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&wanted, 1, deadline.left_ms()) == 0) throw Failure("nothing came in time");
  std::array<char, 16384> buffer{};
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  into.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

void Socket::receive_what_is_there(std::string& into) {
  if (tls_) return tls_->receive_what_is_there(into);
  std::array<char, 16384> buffer{};
  ssize_t got = 0;
  while ((got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void Socket::shut_writing() {
  if (tls_) tls_->say_goodbye();
  ::shutdown(fd_, SHUT_WR);
}

void Socket::close() {
  tls_.reset();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

}  // namespace fairlead::support
