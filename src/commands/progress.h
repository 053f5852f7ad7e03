#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/command.h"

namespace fairlead::commands {

/// How a command ended: JSON texts as in Command. Never changed once it is there.
struct Outcome {
  std::optional<std::string> result{};
  std::optional<std::string> error{};
  std::optional<std::string> late_result{};
};

/// What changes in a command's life. A value, cheap to copy.
struct Progress {
  State state = State::kPending;
  /// Deliveries that were written down.
  std::uint32_t attempt = 0;
  /// At most four: a state comes once, and the last one is final.
  std::vector<Transition> history;
  /// Null while there is nothing in it.
  std::shared_ptr<const Outcome> outcome;

  /// A command that begins at `now`.
  static Progress begin(std::int64_t now);
  static Progress of(const Command& command);

  /// The one place that assigns a state. False, and nothing is changed, when the table does not
  /// let `happening` follow. What leaves the state as it is leaves no trace in the history: a
  /// device that reconnects all day long must not make it grow.
  bool apply(Happening happening, std::int64_t at);

  void set_outcome(Outcome outcome);
  /// Copies all of it into `command`.
  void write_to(Command& command) const;
};

}  // namespace fairlead::commands
