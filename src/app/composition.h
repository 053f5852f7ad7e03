#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/clock.h"
#include "base/result.h"

namespace fairlead::app {

/// A whole hub, wired: store, shards, listeners. Made on the main thread; everything that can go
/// wrong at a start goes wrong in open().
class Hub {
 public:
  struct Parts;

  static Result<std::unique_ptr<Hub>> open(Settings settings, const Clock& clock);
  /// Use open().
  explicit Hub(std::unique_ptr<Parts> parts);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Starts the threads: from now on it serves.
  Result<void> start();
  /// `127.0.0.1:8080`, as it is really bound.
  const std::string& address() const;
  bool speaks_tls() const;

  /// Reads anew what files may say: keys, and the TLS files, which new handshakes use. What is
  /// wrong is logged, and the old stays in force.
  void reload();

  /// Accepts nothing any more and lets the shards answer and close what they have.
  void drain(std::int64_t give_up_after_ms);
  /// No WebSocket is left, no HTTP answer is owed, and the store has written everything.
  bool is_drained() const;
  /// Commits what is queued and ends the threads.
  void stop();

 private:
  std::unique_ptr<Parts> parts_;
};

}  // namespace fairlead::app
