#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/sim/histogram.h"

namespace fairlead::app::sim {

/// What a whole fleet has seen, counted; one thread.
struct Tally {
  std::uint64_t connected = 0;
  /// Devices that will not come back.
  std::uint64_t stopped = 0;
  std::uint64_t welcomes = 0;
  std::uint64_t connects_failed = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t vanished = 0;
  /// Readings taken, and taken in vain because too many waited.
  std::uint64_t samples = 0;
  std::uint64_t skipped = 0;
  /// Samples on the wire, those sent again included.
  std::uint64_t sent = 0;
  std::uint64_t resent = 0;
  /// Samples known to be stored: by an ack, or by a welcome.
  std::uint64_t acked = 0;
  std::uint64_t acked_by_welcome = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rate_limited = 0;
  std::uint64_t overloaded = 0;
  std::uint64_t other_errors = 0;
  std::uint64_t commands = 0;
  std::uint64_t commands_again = 0;
  std::uint64_t results = 0;
  /// From sending telemetry to its ack: since the last status line, and over the whole run.
  Histogram latency_now;
  Histogram latency;
};

/// Where the fleet says what is wrong with the hub.
class Findings {
 public:
  virtual ~Findings() = default;
  /// The hub broke the protocol.
  virtual void violation(std::string_view device, std::string_view what) = 0;
  /// Worth a line, and nobody's fault.
  virtual void note(std::string_view device, std::string_view what) = 0;
};

}  // namespace fairlead::app::sim
