#pragma once

#include <optional>
#include <string>

#include "base/completion.h"
#include "commands/fleet.h"

namespace fairlead::commands {

/// Where commands to many become durable. Thread and order as telemetry::Repository says.
class FleetRepository {
 public:
  virtual ~FleetRepository() = default;
  virtual void create_fleet(Fleet fleet, Completion<void> done) = 0;
  /// Of a fleet that was created; of one that is not there nothing changes.
  virtual void update_fleet(std::string id, FleetProgress progress, Completion<void> done) = 0;
  /// Sees every commit whose completion has run. `progress` is whole for a settled fleet only.
  virtual void find_fleet(std::string id, Completion<std::optional<Fleet>> done) = 0;
};

}  // namespace fairlead::commands
