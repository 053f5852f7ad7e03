#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/tls_line.h"

namespace fairlead::bench {

/// Monotonic, ns.
std::int64_t now_ns();

/// A socket connected to 127.0.0.1, blocking, whose reads end after 20 s.
Result<int> connected_socket(int port);
/// Asks for the upgrade; `token` empty: none is in it.
std::string handshake_request(const std::string& path, const std::string& token);

/// The load generator's side: many WebSocket clients on one thread and one epoll set. As cheap as
/// it can be, so that it does not fight the server for the machine: frames are counted by their
/// headers, all that is queued for a peer in one turn leaves in one write, the mask is constant.
class Peers {
 public:
  /// A message came for peer number `peer`; the view lasts for the call.
  using OnMessage = std::function<void(std::size_t peer, std::string_view message)>;

  Peers();
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  /// Connects to 127.0.0.1 and upgrades, blocking; `token` empty: none is sent. Returns the number
  /// of the peer; numbers count from 0.
  Result<std::size_t> connect(int port, const std::string& path, const std::string& token);
  /// One connection for each token, kConnectsAtOnce at a time: a fleet that comes back. After an
  /// error nothing of this is of use any more.
  Result<void> connect_all(int port, const std::string& path, std::span<const std::string> tokens);
  static constexpr std::size_t kConnectsAtOnce = 64;
  /// Connections made from now on speak TLS 1.3.
  void use_tls() { tls_ = std::make_unique<TlsClients>(); }
  /// Queues one text message.
  void send(std::size_t peer, std::string_view message);
  /// Sends what is queued, reads and hands over, until `is_done` (looked at once a turn) or for
  /// `seconds` at most: then it is an error when `must_finish`. A turn waits up to `turn_ms` for
  /// something to read.
  Result<void> run(const OnMessage& on_message, const std::function<bool()>& is_done,
                   double seconds, bool must_finish, int turn_ms = 100);
  std::size_t size() const { return peers_.size(); }
  void clear();

 private:
  struct Peer {
    int fd = -1;
    bool is_blocked = false;
    bool is_queued = false;
    std::string out;
    /// The begin of a frame that is not whole yet.
    std::string rest;
    /// Null in clear.
    std::unique_ptr<TlsLine> tls{};
  };

  /// Connects and asks for the upgrade.
  Result<Peer> call(int port, const std::string& path, const std::string& token);
  /// Waits for the upgrade.
  Result<std::size_t> admit(Peer peer);
  static ssize_t receive(const Peer& peer, char* into, std::size_t size);

  void flush();
  void flush(Peer& peer);
  void set_interest(std::size_t number, bool wants_write);
  void read_from(std::size_t number, const OnMessage& on_message);
  std::size_t take_from(std::size_t number, std::string_view bytes, const OnMessage& on_message);
  void fail_with(std::string what);

  int epoll_ = -1;
  /// Null: connections are in clear.
  std::unique_ptr<TlsClients> tls_;
  std::vector<Peer> peers_;
  std::vector<std::size_t> queued_;
  std::vector<char> buffer_;
  std::string failure_;
};

}  // namespace fairlead::bench
