#include "net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/acceptor.h"
#include "net/address.h"
#include "net/reactor.h"

namespace fairlead::net {
namespace {

constexpr int kBacklog = 4096;

std::string error_text() {
  std::string text = std::strerror(errno);
  if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z') {
    text.front() = static_cast<char>(text.front() - 'A' + 'a');
  }
  return text;
}

}  // namespace

Listener::Listener(std::shared_ptr<const Socket> socket, std::string local_address)
    : socket_(std::move(socket)), local_address_(std::move(local_address)) {}

Result<std::unique_ptr<Listener>> Listener::open(std::string_view address) {
  const auto parsed = Address::parse(address);
  if (!parsed) {
    return fail(Code::kInvalid, "cannot listen on {}: {}", address, parsed.error().message);
  }
  Socket socket(::socket(parsed->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int yes = 1;
  const bool is_listening =
      socket.is_open() &&
      ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
      // Accepted sockets inherit it. Frames of one turn leave in one call already; waiting for more
      // would only add delay.
      ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
      ::bind(socket.fd(), parsed->get(), parsed->size()) == 0 &&
      ::listen(socket.fd(), kBacklog) == 0;
  if (!is_listening) {
    return fail(Code::kInternal, "cannot listen on {}: {}", address, error_text());
  }
  std::string local = Address::local(socket.fd()).text();
  return std::make_unique<Listener>(std::make_shared<const Socket>(std::move(socket)),
                                    std::move(local));
}

void Listener::watch(Reactor& reactor, RequestHandler& handler, Gate* gate,
                     const ReceptionRules& rules) const {
  std::shared_ptr<Reception> reception;
  if (rules.is_needed()) reception = std::make_shared<Reception>(reactor, rules, handler);
  auto acceptor = std::make_unique<Acceptor>(reactor, socket_, handler, gate, std::move(reception));
  acceptor->begin();
  reactor.adopt(std::move(acceptor));
}

void Listener::stop_accepting() const { ::shutdown(socket_->fd(), SHUT_RDWR); }

}  // namespace fairlead::net
