#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/states.h"
#include "protocol/device_ref.h"
#include "protocol/events.h"

namespace fairlead::commands {

/// Where a command to many devices stands (protocol, section 5).
enum class FleetState : std::uint8_t { kRunning, kStopped, kDone };
inline constexpr std::array<std::string_view, 3> kFleetStateNames = {"running", "stopped", "done"};

constexpr std::string_view name_of(FleetState state) {
  return kFleetStateNames[static_cast<std::size_t>(state)];
}
std::optional<FleetState> fleet_state_named(std::string_view name);

/// The key tells a device from one of the same id that was made after it was deleted.
struct FleetMember {
  std::string device;
  protocol::DeviceKey key = 0;

  friend auto operator<=>(const FleetMember&, const FleetMember&) = default;
};

/// By id, each once.
using FleetMembers = std::vector<FleetMember>;

/// How many members stand where.
struct FleetCounts {
  /// Without a command so far.
  std::int64_t waiting = 0;
  /// With a stored command, by its state; a member whose device is deleted is cancelled.
  std::array<std::int64_t, kStateCount> commands{};

  std::int64_t& of(State state) { return commands[static_cast<std::size_t>(state)]; }
  std::int64_t of(State state) const { return commands[static_cast<std::size_t>(state)]; }
  std::int64_t failures() const { return of(State::kFailed) + of(State::kExpired); }
  std::int64_t in_flight() const {
    return of(State::kPending) + of(State::kDelivered) + of(State::kAccepted);
  }

  friend bool operator==(const FleetCounts&, const FleetCounts&) = default;
};

/// What changes in a fleet's life, as it is stored.
struct FleetProgress {
  FleetState state = FleetState::kRunning;
  bool is_cancelled = false;
  /// Nothing changes any more. Until then the commands themselves say where the members stand.
  bool is_settled = false;
  FleetCounts counts;

  friend bool operator==(const FleetProgress&, const FleetProgress&) = default;
};

/// One command for many devices, as it is stored. Times in ms since the Unix epoch.
struct Fleet {
  std::string id;
  std::string tenant;
  /// The sender's subject.
  std::string issued_by;
  std::int64_t issued_at = 0;
  std::string name;
  /// JSON text.
  std::optional<std::string> params;
  std::int64_t timeout_ms = 0;
  /// `delivery` is `queue` (else `now`).
  bool is_queued = false;
  std::int64_t max_in_flight = 0;
  std::optional<std::int64_t> stop_after_failures;
  std::optional<std::string> idempotency_key;
  /// Never null.
  std::shared_ptr<const FleetMembers> members = std::make_shared<const FleetMembers>();
  FleetProgress progress;
};

/// A fleet as it is told.
struct FleetReport {
  std::string fleet;
  FleetState state = FleetState::kRunning;
  FleetCounts counts;
  std::shared_ptr<const FleetMembers> members;
};

FleetReport report_of(const Fleet& fleet);
/// Its words; they last as long as `report`.
protocol::FleetUpdate update_of(const FleetReport& report);

}  // namespace fairlead::commands
