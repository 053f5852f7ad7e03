#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/completion.h"
#include "commands/command.h"

namespace fairlead::commands {

/// A page of a device's commands, newest first (by issued_at, id).
struct ListQuery {
  protocol::DeviceKey device = 0;
  std::optional<State> state;
  /// Begin behind this place.
  std::optional<std::int64_t> before_issued_at;
  std::string before_id;
  std::size_t limit = 100;
};

/// Where commands become durable. Thread and order as telemetry::Repository says.
class Repository {
 public:
  virtual ~Repository() = default;
  /// Creates or replaces the whole command.
  virtual void save(Command command, Completion<void> done) = 0;
  /// Drops finished commands and settled fleets that were issued before `before_ms`, of all
  /// tenants; a bounded number of them: `done` gets whether there may be more.
  virtual void forget_commands(std::int64_t before_ms, Completion<bool> done) = 0;

  // Reads see every commit whose completion has run.
  virtual void find(std::string id, Completion<std::optional<Command>> done) = 0;
  virtual void list(ListQuery query, Completion<std::vector<Command>> done) = 0;
};

}  // namespace fairlead::commands
