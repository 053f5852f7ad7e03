#include "command_peers.h"

#include <algorithm>
#include <utility>

namespace fairlead::simulation {

using support::arr;
using support::Json;
using support::obj;

namespace {

template <typename Map>
typename Map::mapped_type take(Map& asked, const Json& message) {
  const auto place = asked.find(message["id"].as_int());
  if (place == asked.end()) throw Broken("an answer to nothing: " + message.dump());
  auto taken = std::move(place->second);
  asked.erase(place);
  return taken;
}

}  // namespace

// ---- the device --------------------------------------------------------------------------------

void Obeyer::welcomed(const Json&) {}

void Obeyer::lost() {
  delivered_.clear();
  last_issued_at_ = 0;
  is_order_loose_ = false;
  asked_.clear();
  if (std::exchange(is_hub_dead_, false)) attempts_.clear();
}

void Obeyer::hub_died() {
  is_hub_dead_ = is_connected();
  if (!is_hub_dead_) attempts_.clear();
}

void Obeyer::act(Random& random, const support::HandClock&) {
  if (!is_welcome() || known_.empty() || asked_.size() > 4) return;
  const std::string command = known_[random.below(known_.size())];
  const std::int64_t id = ++last_id_;
  if (random.below(3) == 0) {
    asked_[id] = {"accept", command};
    send(obj("type", "command.accept", "id", id, "command", command));
    return;
  }
  asked_[id] = {"result", command};
  const bool is_executed = random.below(3) > 0;
  send(obj("type", "command.result", "id", id, "command", command, "status",
           is_executed ? "executed" : "failed", "result", random.below(2)));
}

void Obeyer::received(const Json& message) {
  if (message["type"] == "command") return delivered(message);
  if (message["type"] == "ack" || message["id"].exists()) return answered(message);
}

void Obeyer::delivered(const Json& message) {
  const std::string command = message["command"].as_string();
  const auto stored = disk_.state().commands.find(command);
  if (stored == disk_.state().commands.end()) broken("a command that is not stored", message);
  if (stored->second.device != name()) broken("another device's command", message);
  if (!delivered_.insert(command).second) broken("twice on one connection", message);
  const std::int64_t issued_at = message["issued_at"].as_int();
  if (issued_at < last_issued_at_ && !is_order_loose_) broken("not in order", message);
  last_issued_at_ = issued_at;
  std::int64_t& attempt = attempts_[command];
  // The same again: a frame that left behind its connection's end does not count as taken.
  if (message["attempt"].as_int() < attempt) broken("the attempt went back", message);
  attempt = message["attempt"].as_int();
  if (std::ranges::find(known_, command) == known_.end()) known_.push_back(command);
}

void Obeyer::answered(const Json& message) {
  const Asked asked = take(asked_, message);
  if (message["type"] == "error") return;
  const commands::Command& command = disk_.state().commands.at(asked.command);
  if (asked.type == "accept") {
    const bool is_stored = std::ranges::any_of(
        command.history, [](const auto& step) { return step.state == commands::State::kAccepted; });
    if (!is_stored) broken("an accept that is not stored was acked", message);
  } else if (!command.result && !command.late_result) {
    broken("a result that is not stored was acked", message);
  }
}

// ---- the client --------------------------------------------------------------------------------

void Commander::welcomed(const Json&) {
  if (!ways_.subscribes) return;
  ask("subscribe",
      obj("type", "subscribe", "devices", arr("device-*", "device-0"), "events", arr("command")));
}

void Commander::lost() {
  asked_.clear();
  stored_before_.clear();
  sent_.clear();
  next_.clear();
  is_subscribed_ = false;
}

void Commander::ask(const std::string& type, Json message, std::string command) {
  const std::int64_t id = ++last_id_;
  asked_[id] = {type, std::move(command)};
  send(message.with("id", id));
}

std::string Commander::any_command(Random& random) const {
  if (ledger_.all().empty()) return {};
  return std::next(ledger_.all().begin(),
                   static_cast<std::ptrdiff_t>(random.below(ledger_.all().size())))
      ->first;
}

void Commander::act(Random& random, const support::HandClock&) {
  if (!is_welcome() || !is_sending_ || asked_.size() > 4) return;
  const std::string command = any_command(random);
  if (!command.empty() && random.below(3) == 0) {
    const std::string type = random.below(2) == 0 ? "command.cancel" : "command.get";
    return ask(type, obj("type", type, "command", command), command);
  }
  if (!ways_.sends) return;
  if (random.below(8) == 0) return act_on_fleets(random);
  Json message = obj("type", "command.send", "device", devices_[random.below(devices_.size())],
                     "name", "open", "timeout_ms", 100 + random.below(2000));
  if (random.below(3) > 0) message = message.with("delivery", "queue");
  ask("command.send", message);
}

void Commander::act_on_fleets(Random& random) {
  const auto& fleets = disk_.state().fleets;
  if (!fleets.empty() && random.below(3) == 0) {
    const auto any =
        std::next(fleets.begin(), static_cast<std::ptrdiff_t>(random.below(fleets.size())));
    const std::string type = random.below(2) == 0 ? "fleet.cancel" : "fleet.get";
    return ask(type, obj("type", type, "fleet", any->first), any->first);
  }
  Json message = obj("type", "fleet.send", "devices", arr("device-*"), "name", "open", "timeout_ms",
                     100 + random.below(1000), "max_in_flight", 1 + random.below(2));
  if (random.below(2) == 0) message = message.with("delivery", "queue");
  if (random.below(3) == 0) message = message.with("stop_after_failures", 1);
  ask("fleet.send", message);
}

void Commander::received(const Json& message) {
  if (message["type"] == "command.update") return told(message);
  if (message["type"] == "ack" || message["id"].exists()) return answered(message);
}

void Commander::answered(const Json& message) {
  const Asked asked = take(asked_, message);
  if (message["type"] == "error") return;
  if (asked.type == "subscribe") {
    is_subscribed_ = true;
    for (const auto& [id, changes] : ledger_.all()) stored_before_[id] = changes.size();
  } else if (asked.type == "command.send") {
    const std::string id = message["command"].as_string();
    if (ledger_.of(id).empty()) broken("a command that is not stored was acked", message);
    sent_.insert(id);
  } else if (asked.type.starts_with("fleet.")) {
    const bool is_new = asked.type == "fleet.send";
    const std::string id = is_new ? message["fleet"].as_string() : asked.command;
    const auto fleet = disk_.state().fleets.find(id);
    if (fleet == disk_.state().fleets.end()) broken("a fleet that is not stored", message);
    const bool is_stopped = fleet->second.progress.state == commands::FleetState::kStopped;
    if (asked.type == "fleet.cancel" && !is_stopped) broken("not stored as stopped", message);
  } else if (asked.type == "command.cancel") {
    if (disk_.state().commands.at(asked.command).state != commands::State::kCancelled) {
      broken("a cancellation that is not stored was acked", message);
    }
  } else {
    const auto& changes = ledger_.of(asked.command);
    const std::string state = message["command"]["status"].as_string();
    if (std::ranges::find(changes, state) == changes.end()) broken("not as stored", message);
  }
}

void Commander::told(const Json& update) {
  const std::string id = update["command"].as_string();
  const CommandLedger::Changes& stored = ledger_.of(id);
  const std::string change = update["late"].exists() ? "late" : update["status"].as_string();
  const auto found = std::ranges::find(stored, change);
  if (found == stored.end()) broken("told before it was stored", update);
  const bool is_of_fleet = disk_.state().commands.at(id).fleet.has_value();
  if (!ways_.subscribes && (!ways_.sends || is_of_fleet)) {
    broken("told without having asked", update);
  }
  const auto place = static_cast<std::size_t>(found - stored.begin());
  const auto [next, is_first] = next_.try_emplace(id, place);
  if (next->second != place) broken("not in order, or twice", update);
  // Whoever hears of it late had subscribed, when it was there already.
  const bool is_known = stored_before_.contains(id) || !is_subscribed_;
  if (is_first && place > 0 && !(ways_.subscribes && is_known)) broken("missed some", update);
  ++next->second;
}

void Commander::check_all_told() const {
  const auto require_end = [this](const std::string& id) {
    const auto next = next_.find(id);
    const std::size_t end = next == next_.end() ? 0 : next->second;
    if (end != ledger_.of(id).size()) throw Broken(name() + " was not told all of " + id);
  };
  for (const std::string& id : sent_) require_end(id);
  if (!is_subscribed_) return;
  for (const auto& [id, changes] : ledger_.all()) {
    const auto before = stored_before_.find(id);
    const bool is_new = before == stored_before_.end() || before->second < changes.size();
    if (is_new) require_end(id);
  }
}

}  // namespace fairlead::simulation
