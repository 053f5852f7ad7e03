#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "protocol/device_ref.h"

namespace fairlead::devices {

/// What was said of a device. Nullopt: nothing.
struct Description {
  std::optional<std::string> name{};
  std::optional<std::string> device_type{};
  std::optional<std::string> firmware{};
  /// JSON text of an object.
  std::optional<std::string> capabilities{};
  /// JSON text of an object.
  std::optional<std::string> metadata{};
  /// What the device says of itself: ok, warning, error, maintenance.
  std::optional<std::string> status{};
  std::optional<std::string> status_detail{};

  friend bool operator==(const Description&, const Description&) = default;
};

/// A Description by value that copies share and that takes no memory while nothing was said: so it
/// is with most devices of a large fleet. Copies may live on several threads.
class About {
 public:
  About() = default;
  About(Description description)
      : said_(description == Description()
                  ? nullptr
                  : std::make_shared<const Description>(std::move(description))) {}

  const Description& operator*() const {
    static const Description nothing;
    return said_ ? *said_ : nothing;
  }
  const Description* operator->() const { return &**this; }

  friend bool operator==(const About& one, const About& other) {
    return one.said_ == other.said_ || *one == *other;
  }

 private:
  std::shared_ptr<const Description> said_;
};

/// A device's registry entry as it is stored. What lives (connected, offset) is kept elsewhere.
struct Device {
  protocol::DeviceKey key = 0;
  std::string tenant{};
  std::string id{};
  About about{};
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
