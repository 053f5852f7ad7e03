#include "bench/peers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "bench/messages.h"

namespace fairlead::bench {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

/// Waits for the answer to a handshake; returns the bytes that came behind it.
Result<std::string> await_upgrade(int fd, const TlsLine* tls) {
  std::string answer;
  std::array<char, 4096> buffer{};
  while (!answer.contains("\r\n\r\n")) {
    const ssize_t got = tls != nullptr ? tls->receive(buffer.data(), buffer.size())
                                       : recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return fail(Code::kInternal, "the handshake was not answered");
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (!answer.starts_with("HTTP/1.1 101")) {
    return fail(Code::kInternal, "the handshake was refused: {}", answer.substr(0, 300));
  }
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

}  // namespace

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Result<int> connected_socket(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return fail(Code::kInternal, "cannot connect to port {}: {}", port, std::strerror(error));
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const timeval timeout{.tv_sec = 20, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  return fd;
}

std::string handshake_request(const std::string& path, const std::string& token) {
  std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n",
      path);
  if (!token.empty()) request += "Authorization: Bearer " + token + "\r\n";
  return request + "\r\n";
}

Peers::Peers() : epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(kBufferBytes) {}

Peers::~Peers() {
  clear();
  close(epoll_);
}

void Peers::clear() {
  for (const Peer& peer : peers_) close(peer.fd);
  peers_.clear();
  queued_.clear();
  failure_.clear();
}

Result<Peers::Peer> Peers::call(int port, const std::string& path, const std::string& token) {
  const auto fd = connected_socket(port);
  if (!fd) return std::unexpected(fd.error());
  Peer peer{.fd = *fd, .out = {}, .rest = {}};
  if (tls_) {
    auto line = TlsLine::open(*tls_, *fd);
    if (!line) {
      close(*fd);
      return fail(Code::kInternal, "the TLS handshake with port {} failed", port);
    }
    peer.tls = *std::move(line);
  }
  const std::string request = handshake_request(path, token);
  const ssize_t sent = peer.tls ? peer.tls->send(request.data(), request.size())
                                : ::send(*fd, request.data(), request.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(request.size())) return peer;
  close(*fd);
  return fail(Code::kInternal, "cannot send the handshake: {}", std::strerror(errno));
}

Result<std::size_t> Peers::admit(Peer peer) {
  auto rest = await_upgrade(peer.fd, peer.tls.get());
  if (!rest) {
    close(peer.fd);
    return std::unexpected(rest.error());
  }
  // OpenSSL has no MSG_DONTWAIT.
  if (tls_) fcntl(peer.fd, F_SETFL, fcntl(peer.fd, F_GETFL) | O_NONBLOCK);
  peer.rest = *std::move(rest);
  const std::size_t number = peers_.size();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.fd, &event);
  peers_.push_back(std::move(peer));
  return number;
}

Result<std::size_t> Peers::connect(int port, const std::string& path, const std::string& token) {
  auto peer = call(port, path, token);
  if (!peer) return std::unexpected(peer.error());
  return admit(*std::move(peer));
}

Result<void> Peers::connect_all(int port, const std::string& path,
                                std::span<const std::string> tokens) {
  for (std::size_t begin = 0; begin < tokens.size(); begin += kConnectsAtOnce) {
    const auto batch = tokens.subspan(begin, std::min(kConnectsAtOnce, tokens.size() - begin));
    std::vector<Peer> called;
    for (const std::string& token : batch) {
      auto peer = call(port, path, token);
      if (!peer) return std::unexpected(peer.error());
      called.push_back(*std::move(peer));
    }
    for (Peer& peer : called) {
      if (auto admitted = admit(std::move(peer)); !admitted) {
        return std::unexpected(admitted.error());
      }
    }
  }
  return {};
}

void Peers::send(std::size_t number, std::string_view message) {
  Peer& peer = peers_[number];
  append_masked_frame(peer.out, message);
  if (!peer.is_queued) {
    peer.is_queued = true;
    queued_.push_back(number);
  }
}

void Peers::fail_with(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

void Peers::set_interest(std::size_t number, bool wants_write) {
  Peer& peer = peers_[number];
  if (peer.is_blocked == wants_write) return;
  peer.is_blocked = wants_write;
  epoll_event event{};
  event.events = EPOLLIN | (wants_write ? EPOLLOUT : EPOLLIN);
  event.data.u64 = number;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, peer.fd, &event);
}

void Peers::flush(Peer& peer) {
  std::size_t sent_bytes = 0;
  while (sent_bytes < peer.out.size()) {
    const char* from = peer.out.data() + sent_bytes;
    const std::size_t size = peer.out.size() - sent_bytes;
    const ssize_t sent = peer.tls ? peer.tls->send(from, size)
                                  : ::send(peer.fd, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail_with(std::string("send: ") + std::strerror(errno));
    if (sent < 0) break;
    sent_bytes += static_cast<std::size_t>(sent);
  }
  peer.out.erase(0, sent_bytes);
}

void Peers::flush() {
  for (const std::size_t number : std::exchange(queued_, {})) {
    Peer& peer = peers_[number];
    peer.is_queued = false;
    flush(peer);
    set_interest(number, !peer.out.empty());
  }
}

ssize_t Peers::receive(const Peer& peer, char* into, std::size_t size) {
  if (!peer.tls) return recv(peer.fd, into, size, MSG_DONTWAIT);
  // Everything that epoll does not tell of any more.
  ssize_t sum = 0;
  do {
    const auto done = static_cast<std::size_t>(sum);
    const ssize_t got = peer.tls->receive(into + done, size - done);
    if (got <= 0) return sum > 0 ? sum : got;
    sum += got;
  } while (peer.tls->has_unread() && static_cast<std::size_t>(sum) < size);
  return sum;
}

void Peers::read_from(std::size_t number, const OnMessage& on_message) {
  const std::size_t kept = peers_[number].rest.size();
  std::memcpy(buffer_.data(), peers_[number].rest.data(), kept);
  const ssize_t got = receive(peers_[number], buffer_.data() + kept, buffer_.size() - kept);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    fail_with(fmt::format("the server closed connection {}", number));
    return;
  }
  const std::string_view bytes(buffer_.data(), kept + static_cast<std::size_t>(got));
  const std::size_t used = take_from(number, bytes, on_message);
  peers_[number].rest.assign(bytes.substr(used));
}

std::size_t Peers::take_from(std::size_t number, std::string_view bytes,
                             const OnMessage& on_message) {
  return take_frames(bytes, [&](unsigned opcode, std::string_view payload) {
    if (opcode == 8) {
      fail_with(fmt::format("the server closed connection {}: {}", number,
                            payload.substr(std::min<std::size_t>(2, payload.size()))));
    }
    if (opcode <= 2) on_message(number, payload);
  });
}

Result<void> Peers::run(const OnMessage& on_message, const std::function<bool()>& is_done,
                        double seconds, bool must_finish, int turn_ms) {
  const std::int64_t deadline = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  std::array<epoll_event, 512> events{};
  // What came right behind a handshake.
  for (std::size_t number = 0; number < peers_.size(); ++number) {
    if (peers_[number].rest.empty()) continue;
    const std::string rest = std::exchange(peers_[number].rest, {});
    const std::size_t used = take_from(number, rest, on_message);
    peers_[number].rest = rest.substr(used);
  }
  while (failure_.empty()) {
    flush();
    if (is_done()) return {};
    if (now_ns() > deadline) {
      if (!must_finish) return {};
      return fail(Code::kInternal, "no answer within {} s", seconds);
    }
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), turn_ms);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const auto number = static_cast<std::size_t>(event.data.u64);
      if ((event.events & EPOLLOUT) != 0) {
        flush(peers_[number]);
        set_interest(number, !peers_[number].out.empty());
      }
      if ((event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read_from(number, on_message);
    }
  }
  return fail(Code::kInternal, "{}", failure_);
}

}  // namespace fairlead::bench
