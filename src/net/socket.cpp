#include "net/socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "net/tls_session.h"

namespace fairlead::net {
namespace {

IoResult failure(std::int64_t error) {
  const bool is_blocked = error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
  return {.status = is_blocked ? IoResult::Status::kBlocked : IoResult::Status::kLost, .bytes = 0};
}

}  // namespace

IoResult IoResult::of_send(std::int64_t result) {
  if (result < 0) return failure(-result);
  return {.status = Status::kOk, .bytes = static_cast<std::size_t>(result)};
}

Socket::Socket() = default;

Socket::Socket(int fd) : fd_(fd) {}

Socket::~Socket() { close(); }

Socket::Socket(Socket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    tls_ = std::move(other.tls_);
  }
  return *this;
}

void Socket::close() noexcept {
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Socket::secure(std::unique_ptr<TlsSession> session) { tls_ = std::move(session); }

bool Socket::has_unread() const { return tls_ && tls_->has_unread(); }

IoResult Socket::receive(std::span<char> into) const {
  if (tls_) return tls_->receive(into);
  const ssize_t received = ::recv(fd_, into.data(), into.size(), 0);
  if (received < 0) return failure(errno);
  if (received == 0) return {.status = IoResult::Status::kEnd, .bytes = 0};
  return {.status = IoResult::Status::kOk, .bytes = static_cast<std::size_t>(received)};
}

IoResult Socket::send(std::span<iovec> pieces) const {
  if (tls_) return tls_->send(pieces);
  ssize_t sent = 0;
  if (pieces.size() == 1) {
    sent = ::send(fd_, pieces.front().iov_base, pieces.front().iov_len, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  }
  return IoResult::of_send(sent < 0 ? -errno : sent);
}

void Socket::reset() noexcept {
  // RFC 9293, 3.10.4: no orderly end.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Socket::finish_sending() {
  if (tls_) tls_->say_goodbye();
  tls_.reset();
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace fairlead::net
