#pragma once

#include <cstdint>
#include <memory>

#include "net/address.h"
#include "net/exchange.h"
#include "net/gate.h"
#include "net/pollable.h"
#include "net/reception.h"
#include "net/socket.h"

namespace fairlead::net {

/// One reactor's share of a listening socket; owned by the reactor.
class Acceptor final : public Pollable {
 public:
  /// `reception` null: what is accepted speaks HTTP at once.
  Acceptor(Reactor& host, std::shared_ptr<const Socket> socket, RequestHandler& handler, Gate* gate,
           std::shared_ptr<Reception> reception);
  ~Acceptor() override;
  void begin();

  void on_events(std::uint32_t events) override;
  void on_deadline() override;

 private:
  void welcome(Socket socket, const Address& peer);
  void watch();

  Reactor& host_;
  std::shared_ptr<const Socket> socket_;
  RequestHandler& handler_;
  Gate* gate_;
  std::shared_ptr<Reception> reception_;
};

}  // namespace fairlead::net
