#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/exchange.h"
#include "net/reception.h"
#include "net/socket.h"

namespace fairlead::net {

class Gate;
class Reactor;

/// A listening TCP socket that several reactors accept from.
class Listener {
 public:
  /// Use open().
  Listener(std::shared_ptr<const Socket> socket, std::string local_address);

  /// Binds and listens; port 0 takes any free one. The error names the address and the cause.
  static Result<std::unique_ptr<Listener>> open(std::string_view address);

  /// The address that is really bound, such as `127.0.0.1:41231`.
  const std::string& local_address() const { return local_address_; }

  /// From now on `reactor` accepts and serves; on its thread, or before it runs. `handler` outlives
  /// the reactor's last turn, and so does `gate`, which turns peers away (null: nobody does); the
  /// listener need not.
  void watch(Reactor& reactor, RequestHandler& handler, Gate* gate = nullptr,
             const ReceptionRules& rules = {}) const;

  /// From any thread: the kernel takes no more connections, and every reactor notices by itself.
  void stop_accepting() const;

 private:
  /// Shared with the acceptors, so that no descriptor is closed while one still watches it.
  std::shared_ptr<const Socket> socket_;
  std::string local_address_;
};

}  // namespace fairlead::net
