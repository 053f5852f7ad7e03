#include "app/sim/command_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/json_writer.h"

namespace fairlead::app::sim {
namespace {

/// Ids remembered after their result was acked.
constexpr std::size_t kRemembered = 1000;
/// One in so many commands fails.
constexpr std::uint64_t kFailsOneIn = 16;
constexpr std::int64_t kUnknownLeastMs = 20;
constexpr std::int64_t kUnknownMostMs = 200;

const CommandSpec* find_spec(const Profile& profile, std::string_view name) {
  const auto found = std::ranges::find(profile.commands, name, &CommandSpec::name);
  return found == profile.commands.end() ? nullptr : &*found;
}

}  // namespace

CommandDesk::Taken CommandDesk::take(const CommandMessage& command, std::uint64_t connection,
                                     const Moment& now) {
  const auto [found, is_new] = entries_.try_emplace(command.command);
  Entry& entry = found->second;
  Taken taken{.is_new = is_new};
  if (is_new) {
    const CommandSpec* spec = find_spec(*profile_, command.name);
    const std::int64_t least = spec != nullptr ? spec->least_ms : kUnknownLeastMs;
    const std::int64_t most = spec != nullptr ? spec->most_ms : kUnknownMostMs;
    const auto spread = static_cast<std::uint64_t>(most - least + 1);
    const auto takes_ms = least + static_cast<std::int64_t>(random_->below(spread));
    entry.name = command.name;
    entry.params = command.params;
    entry.done_us = now.steady_us + takes_ms * 1000;
    order_.push_back(command.command);
    working_.push_back(command.command);
    forget_old();
  } else if (entry.is_acked) {
    taken.problem = fmt::format("command {} again although its result was acked", command.command);
  } else if (entry.connection == connection) {
    taken.problem = fmt::format("command {} twice on one connection", command.command);
  } else if (command.attempt < entry.attempt) {
    taken.problem = fmt::format("command {}: attempt went back from {} to {}", command.command,
                                entry.attempt, command.attempt);
  }
  entry.attempt = command.attempt;
  entry.connection = connection;
  taken.outcome = entry.outcome;
  return taken;
}

std::vector<Outcome> CommandDesk::take_finished(const Moment& now) {
  std::vector<Outcome> finished;
  std::erase_if(working_, [&](const std::string& command) {
    Entry& entry = entries_.at(command);
    if (entry.done_us > now.steady_us) return false;
    entry.outcome = decide(command, entry);
    finished.push_back(*entry.outcome);
    return true;
  });
  return finished;
}

Outcome CommandDesk::decide(const std::string& command, const Entry& entry) {
  Outcome outcome{.command = command, .executed = true, .detail = {}};
  const CommandSpec* spec = find_spec(*profile_, entry.name);
  protocol::JsonWriter json(outcome.detail);
  json.begin_object();
  if (spec == nullptr) {
    outcome.executed = false;
    json.member("code", "unknown_command").member("message", "no such command: " + entry.name);
  } else if (random_->below(kFailsOneIn) == 0) {
    outcome.executed = false;
    json.member("code", "blocked").member("message", "an interlock is active");
  } else {
    if (!entry.params.empty()) json.raw_member("applied", entry.params);
    json.member("ok", true);
  }
  json.end_object();
  return outcome;
}

std::int64_t CommandDesk::due_us() const {
  std::int64_t due = kNever;
  for (const std::string& command : working_) {
    due = std::min(due, entries_.at(command).done_us);
  }
  return due;
}

std::optional<Outcome> CommandDesk::outcome_of(const std::string& command) const {
  const auto found = entries_.find(command);
  return found == entries_.end() ? std::nullopt : found->second.outcome;
}

void CommandDesk::result_acked(const std::string& command) {
  const auto found = entries_.find(command);
  if (found != entries_.end()) found->second.is_acked = true;
}

const CommandSpec* CommandDesk::spec_of(const std::string& command) const {
  const auto found = entries_.find(command);
  return found == entries_.end() ? nullptr : find_spec(*profile_, found->second.name);
}

std::string CommandDesk::params_of(const std::string& command) const {
  const auto found = entries_.find(command);
  return found == entries_.end() ? std::string() : found->second.params;
}

void CommandDesk::forget_old() {
  while (order_.size() > kRemembered && entries_.at(order_.front()).is_acked) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
}

}  // namespace fairlead::app::sim
