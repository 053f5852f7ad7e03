#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fairlead::bench {

/// CPU time of all threads of this process so far, us.
inline std::int64_t own_cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

/// One socket of a bare server.
struct BareConnection {
  int fd = -1;
  bool is_upgraded = false;
  std::string path;
  /// The begin of a frame that is not whole yet.
  std::string rest;
};

/// What a bare server does with what it reads.
class BareHandler {
 public:
  virtual ~BareHandler() = default;
  virtual void on_upgrade(BareConnection&) {}
  /// One data frame, unmasked.
  virtual void on_frame(BareConnection& connection, std::string_view payload) = 0;
  /// All frames of one read have been handed over.
  virtual void on_read_done(BareConnection&) {}
  virtual void on_end(BareConnection&) {}
};

/// What a WebSocket server costs at the least: one thread, one level-triggered epoll set, a
/// handshake that looks for one header, frames that are unmasked and not judged. It trusts its
/// peer: it serves benchmarks and nothing else.
class BareServer {
 public:
  /// Listens on a free port of 127.0.0.1 and prints `listening on <port>`. `handler` outlives it.
  explicit BareServer(BareHandler& handler) : handler_(handler), buffer_(kBufferBytes) {
    block_signals();
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 4096) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      std::perror("listen");
      std::exit(1);
    }
    watch(listener_);
    watch(signals_);
    std::printf("listening on %d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  /// Until SIGTERM or SIGINT; then prints the CPU time.
  void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == signals_) {
          std::printf("cpu_us %lld\n", static_cast<long long>(own_cpu_us()));
          return;
        }
        if (fd == listener_) {
          accept_all();
        } else if (const auto found = connections_.find(fd); found != connections_.end()) {
          read_from(*found->second);
        }
      }
    }
  }

  /// Writes all of it, waiting where the peer is slow.
  static void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
        poll(&writable, 1, -1);
      } else {
        return;
      }
    }
  }

  /// An unmasked frame with text (RFC 6455, 5.2).
  static void append_frame(std::string& out, std::string_view payload) {
    out += '\x81';
    const std::size_t size = payload.size();
    if (size < 126) {
      out += static_cast<char>(size);
    } else {
      const bool is_short = size <= 0xFFFF;
      out += is_short ? '\x7E' : '\x7F';
      for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) {
        out += static_cast<char>((size >> shift) & 0xFF);
      }
    }
    out += payload;
  }

 private:
  static constexpr std::size_t kBufferBytes = 256 * 1024;

  void block_signals() {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, nullptr);
    signals_ = signalfd(-1, &stop, SFD_CLOEXEC);
  }

  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      auto connection = std::make_unique<BareConnection>();
      connection->fd = fd;
      connections_.emplace(fd, std::move(connection));
      watch(fd);
    }
  }

  void read_from(BareConnection& connection) {
    const std::size_t kept = connection.rest.size();
    std::memcpy(buffer_.data(), connection.rest.data(), kept);
    const ssize_t got = recv(connection.fd, buffer_.data() + kept, buffer_.size() - kept, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      end(connection.fd);
      return;
    }
    const std::size_t size = kept + static_cast<std::size_t>(got);
    std::size_t used = connection.is_upgraded ? 0 : upgrade(connection, {buffer_.data(), size});
    bool is_over = false;
    if (connection.is_upgraded) used += take_frames(connection, used, size, is_over);
    if (is_over) {
      end(connection.fd);
      return;
    }
    connection.rest.assign(buffer_.data() + used, size - used);
    handler_.on_read_done(connection);
  }

  /// Answers a handshake that is whole; returns the bytes it took.
  std::size_t upgrade(BareConnection& connection, std::string_view request) {
    static constexpr std::string_view kKey = "Sec-WebSocket-Key: ";
    const std::size_t end_of_head = request.find("\r\n\r\n");
    const std::size_t key = request.find(kKey);
    if (end_of_head == std::string_view::npos || key == std::string_view::npos) return 0;
    std::string accept(request.substr(key + kKey.size(), 24));
    accept += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    SHA1(reinterpret_cast<const unsigned char*>(accept.data()), accept.size(), digest.data());
    std::array<unsigned char, 32> encoded{};
    EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
    std::string response =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: ";
    response.append(reinterpret_cast<const char*>(encoded.data()), 28).append("\r\n\r\n");
    write_all(connection.fd, response);
    connection.path = request.substr(4, request.find(' ', 4) - 4);
    connection.is_upgraded = true;
    handler_.on_upgrade(connection);
    return end_of_head + 4;
  }

  /// Hands over every whole frame; returns the bytes taken. A close frame is echoed.
  std::size_t take_frames(BareConnection& connection, std::size_t from, std::size_t size,
                          bool& is_over) {
    std::size_t at = from;
    while (size - at >= 6) {
      const auto* head = reinterpret_cast<const unsigned char*>(buffer_.data() + at);
      std::size_t header = 2;
      std::uint64_t length = head[1] & 0x7FU;
      if (length >= 126) {
        header = length == 126 ? 4 : 10;
        if (size - at < header) break;
        length = 0;
        for (std::size_t i = 2; i < header; ++i) length = length << 8 | head[i];
      }
      if (size - at < header + 4 + length) break;
      char* payload = buffer_.data() + at + header + 4;
      unmask(payload, length, buffer_.data() + at + header);
      at += header + 4 + length;
      if ((head[0] & 0x0FU) == 8) {
        std::string reply = "\x88";
        reply += static_cast<char>(length);
        write_all(connection.fd, reply.append(payload, length));
        is_over = true;
        break;
      }
      handler_.on_frame(connection, {payload, length});
    }
    return at - from;
  }

  /// Eight bytes at a time.
  static void unmask(char* payload, std::uint64_t length, const char* mask) {
    std::uint64_t wide = 0;
    std::memcpy(&wide, mask, 4);
    wide |= wide << 32;
    std::uint64_t i = 0;
    for (; i + 8 <= length; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, payload + i, 8);
      word ^= wide;
      std::memcpy(payload + i, &word, 8);
    }
    for (; i < length; ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
  }

  void end(int fd) {
    handler_.on_end(*connections_.at(fd));
    connections_.erase(fd);
    close(fd);
  }

  BareHandler& handler_;
  int listener_ = -1;
  int epoll_ = -1;
  int signals_ = -1;
  std::unordered_map<int, std::unique_ptr<BareConnection>> connections_;
  std::vector<char> buffer_;
};

}  // namespace fairlead::bench
