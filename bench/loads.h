#pragma once

#include <cstddef>

#include "base/result.h"
#include "bench/lab.h"

namespace fairlead::bench {

/// What devices say to a server that answers each message with one.
struct Talk {
  std::size_t devices = 200;
  /// Messages of each that are under way.
  int depth = 16;
  /// Of a message; 0: the usual one of about 150.
  std::size_t bytes = 0;
  /// Else it echoes, and asks for no token.
  bool is_hub = false;
};

// Each puts its load on a running server, first for a third of `Choices::seconds` to warm up, then
// for all of them, and gives the server's CPU time in the second part, us for each …

/// … message answered.
Result<double> talk_cpu_us(Lab& lab, const Child& server, const Talk& talk);
/// … delivery: one publisher, 1000 subscribers, rounds of `window` messages. A server that is no
/// hub sends what comes to /pub to every connection to /sub, and back as its ack.
Result<double> fanout_cpu_us(Lab& lab, const Child& server, int window, bool is_hub);

}  // namespace fairlead::bench
