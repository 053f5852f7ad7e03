#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::app::sim {

/// A handshake that did not become a WebSocket.
struct Refusal {
  /// 0: no HTTP answer at all.
  int status = 0;
  std::optional<std::int64_t> retry_after_ms{};
  std::string message;
};

/// A device's way to the hub. What comes of each call is told to the device later, never inside.
class Line {
 public:
  virtual ~Line() = default;
  /// Connects with a fresh token; on_open or on_refused follows.
  virtual void open() = 0;
  virtual void send(std::string_view message) = 0;
  /// Closes with 1000; on_closed follows.
  virtual void close() = 0;
  /// Lets the socket fall, whatever it is at. Nothing follows.
  virtual void drop() = 0;
  virtual std::string fresh_token() = 0;
};

}  // namespace fairlead::app::sim
