#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "app/sim/line.h"
#include "base/result.h"
#include "net/reactor.h"
#include "net/tls_context.h"
#include "net/transport.h"

namespace fairlead::app::sim {

/// `ws://host:port/path` or `wss://…`, taken apart.
struct Url {
  /// A name or an address; IPv6 without its brackets.
  std::string host;
  std::string port;
  std::string path;
  bool is_tls = false;

  /// Port 80 (443 with TLS) and path `/v1/ws` where the text names none.
  static Result<Url> parse(std::string_view text);
  /// As it stands in a Host header.
  std::string authority() const;
};

/// One attempt to open a WebSocket to the hub: looks the host up, connects, speaks TLS where asked
/// to, upgrades with a token (RFC 6455, 4.1). Destroyed, it is called off and says nothing. On the
/// reactor's thread.
class Dial {
 public:
  /// A transport that is to be attached to the reactor, or why there is none.
  using Done =
      std::move_only_function<void(std::expected<std::unique_ptr<net::Transport>, Refusal>)>;

  /// `done` runs once, later, and may destroy this. `tls` is for a URL with TLS only.
  Dial(net::Reactor& reactor, const Url& url, const net::TlsContext* tls, std::string_view token,
       Done done);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

 private:
  struct Attempt;
  std::shared_ptr<Attempt> attempt_;
};

/// The head of an answer to a handshake whose key was `key`: nothing when it upgrades, else the
/// refusal. `rest` is what came behind the head, of which the beginning is quoted.
std::expected<void, Refusal> check_answer(std::string_view head, std::string_view rest,
                                          std::string_view key);

}  // namespace fairlead::app::sim
