#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/lab.h"
#include "bench/messages.h"
#include "bench/peers.h"

namespace fairlead::bench {

/// Devices of the load generator, each with so many telemetry messages in flight: what is answered
/// is followed by the next message at once.
class Fleet {
 public:
  /// Connects `count` devices; `lab` null: to a server that echoes, without tokens.
  static Result<void> connect(Fleet& fleet, int port, std::size_t count, const Lab* lab);

  /// Messages are of this many bytes from now on; 0: the usual ones.
  void set_message_bytes(std::size_t bytes) { message_bytes_ = bytes; }
  /// Keeps `depth` messages of each in flight for a third of `Choices::seconds` and then for all of
  /// them. Returns the server's CPU time for each message answered in the second part, us.
  Result<double> cpu_us_per_message(Lab& lab, const Child& server, int depth);
  Peers& peers() { return peers_; }

 private:
  void send_next(std::size_t device);

  Peers peers_;
  std::vector<std::int64_t> seqs_;
  std::string message_;
  std::size_t message_bytes_ = 0;
  bool is_echo_ = false;
};

}  // namespace fairlead::bench
