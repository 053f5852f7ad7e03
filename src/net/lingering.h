#pragma once

#include <cstddef>
#include <cstdint>

#include "net/pollable.h"
#include "net/socket.h"

namespace fairlead::net {

/// A socket that has sent its last: says so (FIN), then reads and drops what still comes until the
/// peer's FIN, some seconds, or too much. Closing at once would reset the connection when unread
/// bytes wait, and the peer would lose what we sent last (RFC 6455, 7.1.1; RFC 9112, 9.6).
class Lingering final : public Pollable {
 public:
  Lingering(Reactor& host, Socket socket);
  void begin();

  void on_events(std::uint32_t events) override;
  void on_deadline() override;

  /// Closed with unread bytes, it would be reset, and the answer with it.
  bool owes_answer() const override { return true; }

 private:
  void end();

  static constexpr std::size_t kMaxDrained = 1024 * 1024;

  Reactor& host_;
  Socket socket_;
  std::size_t drained_ = 0;
};

}  // namespace fairlead::net
