#include "net/newcomer.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "net/address.h"
#include "net/reactor.h"
#include "net/reception.h"

namespace fairlead::net {
namespace {

constexpr std::string_view kUseTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    "Content-Length: 40\r\n\r\nthis port speaks TLS: use https or wss.\n";

/// Longer than any version 1 header, and than usual ones of version 2.
constexpr std::size_t kPeekBytes = 256;

}  // namespace

Newcomer::Newcomer(Reactor& host, std::shared_ptr<Reception> reception, Socket socket, Pass pass)
    : host_(host),
      reception_(std::move(reception)),
      socket_(std::move(socket)),
      pass_(std::move(pass)),
      remote_(remote_address(socket_.fd())) {
  ++host_.count().newcomers;
}

Newcomer::~Newcomer() { host_.forget(*this); }

void Newcomer::end() {
  // Destroyed at the end of the turn; until then nobody may find it.
  inside_hook_.unlink();
  queued_hook_.unlink();
  --host_.count().newcomers;
  host_.dispose(*this);
}

bool Newcomer::expects_proxy_header() const {
  const TrustedProxies& proxies = reception_->rules().proxies_with_header;
  if (proxies.is_empty()) return false;
  const auto peer = IpAddress::of(Address::peer(socket_.fd()));
  return peer && proxies.trusts(*peer);
}

void Newcomer::begin() {
  host_.watch(*this, socket_.fd(), EPOLLIN);
  host_.set_deadline(*this, host_.now_ms() + reception_->rules().timeout_ms);
  if (expects_proxy_header()) {
    proxy_header_ = std::make_unique<ProxyHeader>();
  } else {
    go_on();
  }
}

void Newcomer::on_events(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    end();
  } else if (proxy_header_) {
    read_proxy_header();
  } else if (queued_hook_.is_linked()) {
    // Level-triggered: interest goes only when an event shows that it must.
    host_.set_interest(*this, 0);
  } else {
    reception_->queue(*this);
  }
}

void Newcomer::read_proxy_header() {
  std::array<char, kPeekBytes> buffer{};
  // Only looked at: what follows the header is for others, and has to stay in the kernel.
  const ssize_t seen = ::recv(socket_.fd(), buffer.data(), buffer.size(), MSG_PEEK);
  if (seen < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (seen <= 0) return end();
  std::string_view rest(buffer.data(), static_cast<std::size_t>(seen));
  const ProxyHeader::Outcome outcome = proxy_header_->take(rest);
  const std::size_t used = static_cast<std::size_t>(seen) - rest.size();
  const bool is_taken = ::recv(socket_.fd(), buffer.data(), used, 0) == static_cast<ssize_t>(used);
  if (outcome == ProxyHeader::Outcome::kMalformed || !is_taken) {
    ++host_.count().bad_proxy_headers;
    return end();
  }
  if (outcome == ProxyHeader::Outcome::kNeedMore) return;
  if (proxy_header_->client()) remote_ = *proxy_header_->client();
  proxy_header_.reset();
  go_on();
}

void Newcomer::go_on() {
  const auto& credentials = reception_->rules().tls;
  if (!credentials) return pass();
  tls_ = std::make_unique<TlsSession>(*credentials->current(), TlsSession::Role::kServer,
                                      socket_.fd());
}

void Newcomer::step() {
  switch (tls_->shake_hands()) {
    case TlsSession::Step::kWantsRead:
      host_.set_interest(*this, EPOLLIN);
      return;
    case TlsSession::Step::kWantsWrite:
      host_.set_interest(*this, EPOLLOUT);
      return;
    case TlsSession::Step::kFailed:
      return fail_handshake();
    case TlsSession::Step::kDone:
      ++(tls_->is_resumed() ? host_.count().tls_resumed : host_.count().tls_full);
      socket_.secure(std::move(tls_));
      return pass();
  }
}

void Newcomer::pass() {
  host_.forget(*this);
  reception_->pass(std::move(socket_), std::move(remote_), std::move(pass_));
  end();
}

void Newcomer::fail_handshake() {
  ++host_.count().tls_failed;
  host_.forget(*this);
  if (tls_->is_plain_http()) {
    // Best effort; the buffer of a socket that has sent nothing has room.
    static_cast<void>(::send(socket_.fd(), kUseTls.data(), kUseTls.size(), MSG_NOSIGNAL));
  }
  // The alert that tells the peer why would be lost in a reset.
  host_.linger(std::move(socket_));
  end();
}

void Newcomer::on_deadline() {
  ++host_.count().newcomers_late;
  end();
}

void Newcomer::drop() {
  ++host_.count().newcomers_dropped;
  end();
}

}  // namespace fairlead::net
