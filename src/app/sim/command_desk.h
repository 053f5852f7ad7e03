#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/sim/hub_message.h"
#include "app/sim/moment.h"
#include "app/sim/profile.h"
#include "base/random.h"

namespace fairlead::app::sim {

/// The end of a command, as command.result says it.
struct Outcome {
  std::string command;
  bool executed = false;
  /// JSON text of `result`, or of `error` when it failed.
  std::string detail;
};

/// A device's commands: takes each, works on it for a while, knows the end of it. Remembers the
/// ids, so that one that is delivered again runs once and is answered alike.
class CommandDesk {
 public:
  CommandDesk(const Profile& profile, Random& random) : profile_(&profile), random_(&random) {}

  struct Taken {
    /// The first time: command.accept is due.
    bool is_new = false;
    /// It had ended: command.result is due again.
    std::optional<Outcome> outcome{};
    /// What is wrong with this delivery; empty when nothing is.
    std::string problem{};
  };
  /// A delivery on connection number `connection` (rising).
  Taken take(const CommandMessage& command, std::uint64_t connection, const Moment& now);

  /// Commands whose work is done by `now`, each told once here.
  std::vector<Outcome> take_finished(const Moment& now);
  /// When the next is done, us; kNever when none is worked on.
  std::int64_t due_us() const;
  /// How it ended, if it is known and has.
  std::optional<Outcome> outcome_of(const std::string& command) const;
  /// The hub has acked the result: it will not deliver this command again.
  void result_acked(const std::string& command);
  /// The command whose metric moves when it is executed, if it is one.
  const CommandSpec* spec_of(const std::string& command) const;
  /// JSON text of its parameters.
  std::string params_of(const std::string& command) const;

 private:
  struct Entry {
    std::string name;
    std::string params;
    std::int64_t attempt = 0;
    std::uint64_t connection = 0;
    std::int64_t done_us = 0;
    bool is_acked = false;
    std::optional<Outcome> outcome{};
  };

  Outcome decide(const std::string& command, const Entry& entry);
  void forget_old();

  const Profile* profile_;
  Random* random_;
  std::unordered_map<std::string, Entry> entries_;
  /// In the order first taken.
  std::deque<std::string> order_;
  std::vector<std::string> working_;
};

}  // namespace fairlead::app::sim
