#include "commands/fleet.h"

namespace fairlead::commands {

std::optional<FleetState> fleet_state_named(std::string_view name) {
  for (std::size_t i = 0; i < kFleetStateNames.size(); ++i) {
    if (kFleetStateNames[i] == name) return static_cast<FleetState>(i);
  }
  return std::nullopt;
}

FleetReport report_of(const Fleet& fleet) {
  return {.fleet = fleet.id,
          .state = fleet.progress.state,
          .counts = fleet.progress.counts,
          .members = fleet.members};
}

protocol::FleetUpdate update_of(const FleetReport& report) {
  const FleetCounts& counts = report.counts;
  return {.fleet = report.fleet,
          .total = static_cast<std::int64_t>(report.members->size()),
          .waiting = counts.waiting,
          .pending = counts.of(State::kPending),
          .delivered = counts.of(State::kDelivered),
          .accepted = counts.of(State::kAccepted),
          .executed = counts.of(State::kExecuted),
          .failed = counts.of(State::kFailed),
          .expired = counts.of(State::kExpired),
          .cancelled = counts.of(State::kCancelled),
          .state = name_of(report.state)};
}

}  // namespace fairlead::commands
