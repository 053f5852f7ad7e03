#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands/states.h"
#include "protocol/device_ref.h"

namespace fairlead::commands {

struct Transition {
  State state = State::kPending;
  std::int64_t at = 0;

  friend bool operator==(const Transition&, const Transition&) = default;
};

/// A command as it is stored. Times in ms since the Unix epoch; JSON members as text.
struct Command {
  std::string id;
  protocol::DeviceKey device_key = 0;
  std::string tenant;
  std::string device;
  std::string name;
  std::optional<std::string> params;
  State state = State::kPending;
  std::optional<std::string> result;
  /// `{"code":…,"message":…}`
  std::optional<std::string> error;
  /// `{"status":…,"result":…,"error":…,"at":…}`
  std::optional<std::string> late_result;
  /// `delivery` is `queue` (else `now`).
  bool is_queued = false;
  /// The sender's subject.
  std::string issued_by;
  std::int64_t issued_at = 0;
  std::int64_t expires_at = 0;
  /// Deliveries so far.
  std::int64_t attempt = 0;
  std::optional<std::string> idempotency_key;
  std::optional<std::string> fleet;
  std::vector<Transition> history;

  friend bool operator==(const Command&, const Command&) = default;
};

/// The shape of protocol section 9, appended to `out`.
void write_json(std::string& out, const Command& command);

}  // namespace fairlead::commands
