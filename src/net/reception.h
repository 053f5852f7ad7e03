#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "net/exchange.h"
#include "net/gate.h"
#include "net/newcomer.h"
#include "net/pollable.h"
#include "net/socket.h"
#include "net/tls_credentials.h"
#include "net/trusted_proxies.h"

namespace fairlead::net {

/// What a socket goes through between accept and its first request.
struct ReceptionRules {
  /// TLS for every connection; null: in clear.
  std::shared_ptr<const TlsCredentials> tls{};
  /// Connections from these begin with a PROXY header; those from elsewhere do not.
  TrustedProxies proxies_with_header{};
  /// From accept to the end of the handshake.
  std::int64_t timeout_ms = 10'000;
  /// Sockets of one reactor that are not through. One more, and the oldest of them is dropped: who
  /// means it is through in a round trip or two, who does not leaves first.
  std::size_t max_inside = 1000;

  bool is_needed() const { return tls != nullptr || !proxies_with_header.is_empty(); }
};

/// One reactor's sockets between accept and their first request. Handshakes cost much more than
/// messages, so only some steps are made a turn: a storm of them waits for open connections, and
/// not the other way round. Shared by the acceptor and by those inside; on the reactor's thread.
class Reception final : public Pollable, public std::enable_shared_from_this<Reception> {
 public:
  /// `handler` outlives the reactor's last turn.
  Reception(Reactor& host, ReceptionRules rules, RequestHandler& handler);
  ~Reception() override;

  void welcome(Socket socket, Pass pass);

  void on_events(std::uint32_t events) override;
  void on_ready() override;

  // ---- for Newcomers ----------------------------------------------------------------------------
  const ReceptionRules& rules() const { return rules_; }
  /// It gets a step of its handshake, in this turn or in one of the next.
  void queue(Newcomer& newcomer);
  /// Through: what comes now is HTTP.
  void pass(Socket socket, std::string remote, Pass pass);

 private:
  /// Steps of one turn. One takes up to half a millisecond (an RSA signature).
  static constexpr int kStepsPerTurn = 16;

  using InsideList = boost::intrusive::list<
      Newcomer, boost::intrusive::member_hook<Newcomer, Newcomer::Hook, &Newcomer::inside_hook_>,
      boost::intrusive::constant_time_size<false>>;
  using QueuedList = boost::intrusive::list<
      Newcomer, boost::intrusive::member_hook<Newcomer, Newcomer::Hook, &Newcomer::queued_hook_>,
      boost::intrusive::constant_time_size<false>>;

  Reactor& host_;
  const ReceptionRules rules_;
  RequestHandler& handler_;
  /// Oldest first.
  InsideList inside_;
  QueuedList queued_;
};

}  // namespace fairlead::net
