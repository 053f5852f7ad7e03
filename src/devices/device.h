#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/device_ref.h"

namespace fairlead::devices {

/// A device's registry entry as it is stored. What lives (connected, offset) is kept elsewhere.
struct Device {
  protocol::DeviceKey key = 0;
  std::string tenant;
  std::string id;
  std::optional<std::string> name;
  std::optional<std::string> device_type;
  std::optional<std::string> firmware;
  /// JSON text of an object; nullopt: none declared.
  std::optional<std::string> capabilities;
  /// JSON text of an object.
  std::optional<std::string> metadata;
  /// What the device says of itself: ok, warning, error, maintenance; nullopt before it did.
  std::optional<std::string> status;
  std::optional<std::string> status_detail;
  /// Number of its connections so far; 0 before the first.
  std::int64_t session = 0;
  /// ms since the epoch; nullopt before the first connection.
  std::optional<std::int64_t> last_seen;
  bool disabled = false;
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

}  // namespace fairlead::devices
