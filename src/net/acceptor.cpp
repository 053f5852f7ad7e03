#include "net/acceptor.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <expected>
#include <string>
#include <utility>

#include "net/http_writer.h"
#include "net/reactor.h"

namespace fairlead::net {
namespace {

/// Accepts of one turn: the other reactors, woken by the same event, get their share.
constexpr int kAcceptsPerTurn = 32;
/// Without free descriptors accepting again at once would only burn the processor.
constexpr std::int64_t kExhaustedPauseMs = 100;

bool is_exhausted(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/// Best effort: the peer may have sent nothing yet, and we keep no state for it.
void turn_away(Socket& socket, Refusal why, std::string_view date) {
  HttpRefusal refusal{.status = 503, .detail = "too many connections, try again later"};
  if (why == Refusal::kAddress) {
    refusal = {.status = 429, .detail = "too many connections from this address"};
  }
  HttpResponse response = problem_response(refusal);
  std::string bytes =
      write_head(response, {.is_http_11 = true, .keeps_alive = false, .is_head = false}, date);
  bytes += response.body;
  iovec piece{.iov_base = bytes.data(), .iov_len = bytes.size()};
  static_cast<void>(socket.send({&piece, 1}));
  socket.finish_sending();
}

}  // namespace

Acceptor::Acceptor(Reactor& host, std::shared_ptr<const Socket> socket, RequestHandler& handler,
                   Gate* gate, std::shared_ptr<Reception> reception)
    : host_(host),
      socket_(std::move(socket)),
      handler_(handler),
      gate_(gate),
      reception_(std::move(reception)) {}

Acceptor::~Acceptor() { host_.forget(*this); }

void Acceptor::begin() { watch(); }

void Acceptor::watch() {
  // EPOLLEXCLUSIVE cannot be modified, so pausing forgets and going on watches anew.
  host_.watch(*this, socket_->fd(), EPOLLIN | EPOLLEXCLUSIVE, Reactor::Kind::kListener);
}

void Acceptor::welcome(Socket socket, const Address& peer) {
  std::expected<Pass, Refusal> pass;
  if (gate_ != nullptr) pass = gate_->admit(socket.fd());
  if (!pass) {
    // Behind a handshake that is not made nobody would understand it.
    if (!reception_) turn_away(socket, pass.error(), host_.http_date());
    return;
  }
  ++host_.count().accepts;
  if (reception_) {
    reception_->welcome(std::move(socket), std::move(*pass));
  } else {
    host_.serve(std::move(socket), handler_, peer.text(), std::move(*pass));
  }
}

void Acceptor::on_events(std::uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // The listener was shut down.
    host_.dispose(*this);
    return;
  }
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const Address::Accepted accepted = Address::accept(socket_->fd());
    if (accepted.fd >= 0) {
      welcome(Socket(accepted.fd), accepted.peer);
      continue;
    }
    // Others, such as ECONNABORTED, are the failed connection's own.
    if (errno == EAGAIN || errno == EINVAL) return;
    if (is_exhausted(errno)) {
      host_.forget(*this);
      host_.call_after(kExhaustedPauseMs, [this] { watch(); });
      return;
    }
  }
}

void Acceptor::on_deadline() {}

}  // namespace fairlead::net
