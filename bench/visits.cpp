#include "bench/visits.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "bench/peers.h"

namespace fairlead::bench {
namespace {

constexpr int kWaitMs = 20'000;
/// A close frame with 1000, masked with zeros.
constexpr std::string_view kClose("\x88\x82\0\0\0\0\x03\xE8", 8);

class Visits {
 public:
  Visits(int port, const std::string& path, const std::vector<std::string>& tokens,
         std::size_t at_once)
      : port_(port), path_(path), tokens_(tokens), guests_(at_once) {}
  ~Visits() {
    for (const Guest& guest : guests_) {
      if (guest.fd >= 0) close(guest.fd);
    }
    close(epoll_);
  }
  Visits(const Visits&) = delete;
  Visits& operator=(const Visits&) = delete;

  Result<void> run() {
    for (std::size_t i = 0; i < guests_.size(); ++i) {
      if (auto begun = begin(i); !begun) return begun;
    }
    std::array<epoll_event, 256> events{};
    while (ended_ < tokens_.size()) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kWaitMs);
      if (count <= 0) return fail(Code::kInternal, "no answer within {} ms", kWaitMs);
      for (int i = 0; i < count; ++i) {
        const auto number = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
        if (auto gone_on = go_on(number); !gone_on) return gone_on;
      }
    }
    return {};
  }

 private:
  struct Guest {
    int fd = -1;
    /// The answer to the handshake and what comes behind it, until the first message.
    std::string received;
    bool has_closed = false;
  };

  Result<void> begin(std::size_t number) {
    if (begun_ == tokens_.size()) return {};
    const auto fd = connected_socket(port_);
    if (!fd) return std::unexpected(fd.error());
    guests_[number] = {.fd = *fd, .received = {}};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, *fd, &event);
    const std::string request = handshake_request(path_, tokens_[begun_++]);
    if (::send(*fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      return fail(Code::kInternal, "cannot send the handshake: {}", std::strerror(errno));
    }
    return {};
  }

  Result<void> go_on(std::size_t number) {
    Guest& guest = guests_[number];
    std::array<char, 4096> buffer{};
    const ssize_t got = recv(guest.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return {};
    if (got <= 0) return end(number);
    if (guest.has_closed) return {};
    guest.received.append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t head = guest.received.find("\r\n\r\n");
    const bool has_message = head != std::string::npos && guest.received.size() > head + 4;
    if (head != std::string::npos && !guest.received.starts_with("HTTP/1.1 101")) {
      return fail(Code::kInternal, "the handshake was refused: {}", guest.received.substr(0, 300));
    }
    if (!has_message) return {};
    guest.has_closed = true;
    if (::send(guest.fd, kClose.data(), kClose.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(kClose.size())) {
      return fail(Code::kInternal, "cannot send the close frame: {}", std::strerror(errno));
    }
    return {};
  }

  Result<void> end(std::size_t number) {
    Guest& guest = guests_[number];
    if (!guest.has_closed) return fail(Code::kInternal, "the server closed before its message");
    close(std::exchange(guest.fd, -1));
    ++ended_;
    return begin(number);
  }

  const int port_;
  const std::string& path_;
  const std::vector<std::string>& tokens_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Guest> guests_;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
};

}  // namespace

Result<void> visit_all(int port, const std::string& path, const std::vector<std::string>& tokens,
                       std::size_t at_once) {
  return Visits(port, path, tokens, at_once).run();
}

}  // namespace fairlead::bench
