#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fairlead::app::sim {

/// What `fairlead sim` is asked for: one member a flag, the comment above it is the flag's help.
struct Options {
  /// --url: the hub's WebSocket address, such as ws://127.0.0.1:8080/v1/ws or wss://…
  std::string url;
  /// --ca: PEM file with the roots that a wss hub's certificate is checked against; without it
  /// those of the system
  std::string ca;
  /// --insecure: does not check the certificate of a wss hub
  bool is_insecure = false;
  /// --jwt-secret-file: the secret that the hub was started with; tokens are minted from it
  std::string jwt_secret_file;
  /// --devices: how many devices to play (1 to 100000)
  std::size_t devices = 10;
  /// --rate: samples a second of each device (above 0, at most 10000); not used with --csv
  double rate = 1;
  /// --duration: seconds until it ends by itself; 0 is until SIGINT or SIGTERM
  double duration_s = 0;
  /// --csv: recorded readings that every device replays: first column a time, the others metrics;
  /// ends when all rows are acked
  std::string csv;
  /// --speed: with --csv, so many times faster than recorded; 0 is as fast as acks allow
  double speed = 0;
  /// --prefix: devices are called <prefix>1, <prefix>2 and so on
  std::string prefix = "sim-";
  /// --tenant: the tenant that the devices belong to
  std::string tenant = "default";
  /// --seed: the same seed makes the same fleet, curves and moods
  std::uint64_t seed = 1;
  /// --window: telemetry messages that a device has in flight before it waits for acks (1 to 1000)
  std::size_t window = 16;
  /// --vanish-every: mean seconds until a device drops its connection and comes back; 0 is never
  double vanish_every_s = 120;
};

}  // namespace fairlead::app::sim
