#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "net/gate.h"
#include "net/pollable.h"
#include "net/proxy_header.h"
#include "net/socket.h"
#include "net/tls_session.h"

namespace fairlead::net {

class Reception;

/// A socket between accept and its first request: the PROXY header, then the TLS handshake, each
/// where it is asked for. Owned by its reactor; ends by becoming an HttpConnection, or in a bounded
/// time.
class Newcomer final : public Pollable {
 public:
  Newcomer(Reactor& host, std::shared_ptr<Reception> reception, Socket socket, Pass pass);
  ~Newcomer() override;
  void begin();

  void on_events(std::uint32_t events) override;
  void on_deadline() override;

  /// One step of the handshake.
  void step();
  /// Makes room for another.
  void drop();

 private:
  friend class Reception;
  using Hook = boost::intrusive::list_member_hook<
      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  bool expects_proxy_header() const;
  void read_proxy_header();
  /// Shakes hands where TLS is spoken; else it is through.
  void go_on();
  void pass();
  void end();
  void fail_handshake();

  Reactor& host_;
  std::shared_ptr<Reception> reception_;
  /// In clear until the handshake is done: what a peer in clear is told goes through it.
  Socket socket_;
  Pass pass_;
  std::string remote_;
  std::unique_ptr<ProxyHeader> proxy_header_;
  std::unique_ptr<TlsSession> tls_;
  Hook inside_hook_;
  Hook queued_hook_;
};

}  // namespace fairlead::net
