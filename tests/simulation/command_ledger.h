#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "peers.h"
#include "store/memory/backend.h"

namespace fairlead::simulation {

/// The rules of protocol.md section 7, written down a second time: what may follow what, what is
/// kept beside which state. It is shown the store after every commit and keeps what was stored.
class CommandLedger {
 public:
  /// Names of states in the order stored; a late result is `late` behind its final state.
  using Changes = std::vector<std::string>;

  void look_at(const store::memory::State& disk) {
    for (const auto& [id, command] : disk.commands) look_at(command);
    for (const auto& [id, changes] : changes_) {
      if (!disk.commands.contains(id)) throw Broken("command " + id + " is gone");
    }
  }

  /// Of a command that is stored; empty for another.
  const Changes& of(const std::string& id) const {
    static const Changes none;
    const auto found = changes_.find(id);
    return found == changes_.end() ? none : found->second;
  }
  const std::map<std::string, Changes>& all() const { return changes_; }

  /// That every fleet has come to its end, and that its counts are those of its commands, of which
  /// each member has one at most.
  static void check_fleets(const store::memory::State& disk) {
    for (const auto& [id, fleet] : disk.fleets) {
      commands::FleetCounts counts;
      counts.waiting = static_cast<std::int64_t>(fleet.members->size());
      std::set<protocol::DeviceKey> members;
      for (const auto& [other, command] : disk.commands) {
        if (command.fleet != id) continue;
        check(command, members.insert(command.device_key).second, "is a member's second");
        ++counts.of(command.state);
        --counts.waiting;
      }
      if (!fleet.progress.is_settled) throw Broken("fleet " + id + " did not end");
      if (fleet.progress.counts != counts) throw Broken("fleet " + id + " counted wrongly");
      const bool is_done = fleet.progress.state == commands::FleetState::kDone;
      if (is_done && counts.waiting > 0) throw Broken("fleet " + id + " left members waiting");
      const bool is_stopped =
          fleet.progress.is_cancelled ||
          (fleet.stop_after_failures && counts.failures() >= *fleet.stop_after_failures);
      if (is_done == is_stopped) throw Broken("fleet " + id + " is in the wrong state");
    }
  }

  static bool is_end(std::string_view state) {
    return state == "executed" || state == "failed" || state == "expired" || state == "cancelled";
  }

 private:
  static bool may_follow(std::string_view before, std::string_view after) {
    if (is_end(before) || after == "pending") return false;
    if (is_end(after) || after == "accepted") return before != after;
    return before == "pending" && after == "delivered";
  }

  void look_at(const commands::Command& command) {
    Changes now;
    for (const auto& step : command.history) now.emplace_back(commands::name_of(step.state));
    const std::string last = now.empty() ? "" : now.back();
    const bool is_answered = last == "executed" || last == "failed";
    check(command, last == commands::name_of(command.state), "is not in its last state");
    check(command, now.front() == "pending", "did not begin as pending");
    for (std::size_t i = 1; i < now.size(); ++i) {
      check(command, may_follow(now[i - 1], now[i]), "took a way that there is not");
    }
    check(command, is_answered || !command.result, "has a result too early");
    check(command, !command.late_result || (is_end(last) && !is_answered), "cannot be late");
    if (command.late_result) now.emplace_back("late");
    Changes& known = changes_[command.id];
    // One that was refused is stored, and told, with its end at once.
    const bool is_refused = command.error && (command.error->contains("device_offline") ||
                                              command.error->contains("queue_full"));
    if (is_refused) now.erase(now.begin());
    const bool is_continued =
        known.size() <= now.size() && std::equal(known.begin(), known.end(), now.begin());
    check(command, is_continued, "has another past");
    check(command, command.attempt >= attempts_[command.id], "was delivered less than before");
    attempts_[command.id] = command.attempt;
    known = std::move(now);
  }

  static void check(const commands::Command& command, bool is_right, const char* what) {
    if (!is_right) throw Broken("command " + command.id + " " + what);
  }

  std::map<std::string, Changes> changes_;
  std::map<std::string, std::int64_t> attempts_;
};

}  // namespace fairlead::simulation
