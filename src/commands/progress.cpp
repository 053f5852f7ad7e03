#include "commands/progress.h"

#include <utility>

namespace fairlead::commands {

Progress Progress::begin(std::int64_t now) {
  Progress progress;
  progress.history = {{State::kPending, now}};
  return progress;
}

Progress Progress::of(const Command& command) {
  Progress progress;
  progress.state = command.state;
  progress.attempt = static_cast<std::uint32_t>(command.attempt);
  progress.history = command.history;
  if (command.result || command.error || command.late_result) {
    progress.set_outcome({command.result, command.error, command.late_result});
  }
  return progress;
}

bool Progress::apply(Happening happening, std::int64_t at) {
  const std::optional<State> following = next(state, happening);
  if (!following) return false;
  if (*following != state) {
    state = *following;
    history.push_back({state, at});
  }
  return true;
}

void Progress::set_outcome(Outcome content) {
  outcome = std::make_shared<const Outcome>(std::move(content));
}

void Progress::write_to(Command& command) const {
  command.state = state;
  command.attempt = attempt;
  command.history = history;
  if (outcome) {
    command.result = outcome->result;
    command.error = outcome->error;
    command.late_result = outcome->late_result;
  }
}

}  // namespace fairlead::commands
