#include "commands/fleets.h"

#include <algorithm>

#include "base/assert.h"

namespace fairlead::commands {

Fleets::Place Fleets::place_of(State state) {
  return static_cast<Place>(kAsked + 1 + static_cast<Place>(state));
}

bool Fleets::is_final_place(Place place) {
  return place > kAsked && is_final(static_cast<State>(place - kAsked - 1));
}

FleetReport Fleets::report(const Running& running) {
  return {.fleet = running.fleet->id,
          .state = running.stored.state,
          .counts = running.counts,
          .members = running.fleet->members};
}

Fleets::Running* Fleets::at(const std::string& id) {
  const auto found = running_.find(id);
  return found == running_.end() ? nullptr : &found->second;
}

std::optional<FleetReport> Fleets::find(const std::string& id) const {
  const auto found = running_.find(id);
  if (found == running_.end()) return std::nullopt;
  return report(found->second);
}

std::string_view Fleets::tenant_of(const std::string& id) const {
  const auto found = running_.find(id);
  return found == running_.end() ? std::string_view() : found->second.fleet->tenant;
}

void Fleets::create(Fleet fleet, Sender sender, Completion<FleetReport> done) {
  fleet.progress = {};
  fleet.progress.counts.waiting = static_cast<std::int64_t>(fleet.members->size());
  if (fleet.members->empty()) {
    fleet.progress.state = FleetState::kDone;
    fleet.progress.is_settled = true;
  }
  Fleet copy = fleet;
  repository_.create_fleet(std::move(copy),
                           [this, fleet = std::move(fleet), sender = std::move(sender),
                            done = std::move(done)](const Result<void>& result) mutable {
                             if (!result) {
                               hands_.settled(fleet.tenant);
                               return done(std::unexpected(result.error()));
                             }
                             done(report_of(fleet));
                             begin(std::move(fleet), std::move(sender));
                           });
}

void Fleets::begin(Fleet fleet, Sender sender) {
  if (fleet.progress.is_settled) {
    hands_.tell(fleet, report_of(fleet), sender);
    return hands_.settled(fleet.tenant);
  }
  Running running;
  running.stored = fleet.progress;
  running.counts = fleet.progress.counts;
  running.places.resize(fleet.members->size(), kWaiting);
  running.sender = std::move(sender);
  running.fleet = std::make_shared<const Fleet>(std::move(fleet));
  const std::string id = running.fleet->id;
  const auto [place, is_new] = running_.emplace(id, std::move(running));
  FAIRLEAD_ASSERT(is_new);
  advance(place->second);
}

void Fleets::restore(Fleet fleet,
                     const std::vector<std::pair<protocol::DeviceKey, State>>& members) {
  Running running;
  running.stored = fleet.progress;
  running.is_stopping = fleet.progress.state == FleetState::kStopped;
  running.is_cancelled = fleet.progress.is_cancelled;
  running.waits_for_devices = running.is_paused = running.is_untold = true;
  running.places.resize(fleet.members->size(), kWaiting);
  running.counts.waiting = static_cast<std::int64_t>(fleet.members->size());
  std::map<protocol::DeviceKey, std::size_t> by_key;
  for (std::size_t i = 0; i < fleet.members->size(); ++i) by_key[(*fleet.members)[i].key] = i;
  for (const auto& [key, state] : members) {
    const auto member = by_key.find(key);
    if (member != by_key.end()) move(running, member->second, place_of(state));
  }
  running.fleet = std::make_shared<const Fleet>(std::move(fleet));
  const std::string id = running.fleet->id;
  running_.emplace(id, std::move(running));
}

void Fleets::move(Running& running, std::size_t member, Place to) {
  const auto count = [&running](Place place) -> std::int64_t& {
    return place <= kAsked ? running.counts.waiting
                           : running.counts.of(static_cast<State>(place - kAsked - 1));
  };
  Place& place = running.places[member];
  running.asked += static_cast<int>(to == kAsked) - static_cast<int>(place == kAsked);
  --count(place);
  place = to;
  ++count(place);
}

void Fleets::changed(const std::string& id, std::string_view device, State state) {
  Running* const running = at(id);
  if (running == nullptr) return;
  const FleetMembers& members = *running->fleet->members;
  const auto found = std::ranges::lower_bound(members, device, {}, [](const FleetMember& member) {
    return std::string_view(member.device);
  });
  if (found == members.end() || found->device != device) return;
  const auto member = static_cast<std::size_t>(found - members.begin());
  if (is_final_place(running->places[member])) return;
  move(*running, member, place_of(state));
  running->is_untold = true;
  // It was asked for before the cancellation.
  const bool is_too_late = running->stored.is_cancelled && member < running->next_cancel;
  if (is_too_late && state == State::kPending) hands_.cancel(running->fleet, member);
  review(*running);
}

void Fleets::refused(const std::string& id, std::size_t member, Code why) {
  Running* const running = at(id);
  if (running == nullptr || running->places[member] != kAsked) return;
  if (why == Code::kNotFound) {
    move(*running, member, place_of(State::kCancelled));
    running->is_untold = true;
  } else {
    move(*running, member, kWaiting);
    running->next = std::min(running->next, member);
    running->is_paused = true;
  }
  review(*running);
}

void Fleets::cancel(const std::string& id, Completion<FleetReport> done) {
  Running* const running = at(id);
  FAIRLEAD_ASSERT(running != nullptr);
  running->cancels.push_back(std::move(done));
  running->is_cancelled = running->is_stopping = true;
  review(*running);
}

FleetProgress Fleets::wanted(const Running& running) const {
  const bool is_idle = running.counts.in_flight() == 0 && running.asked == 0;
  const bool is_over = is_idle && (running.is_stopping || running.counts.waiting == 0);
  FleetProgress wanted{.state = FleetState::kRunning,
                       .is_cancelled = running.is_cancelled,
                       .is_settled = is_over,
                       .counts = running.counts};
  if (running.is_stopping) {
    wanted.state = FleetState::kStopped;
  } else if (is_over) {
    wanted.state = FleetState::kDone;
  }
  return wanted;
}

/// To be called after each change: brings what follows from it on its way.
void Fleets::review(Running& running) {
  const auto& most = running.fleet->stop_after_failures;
  if (most && running.counts.failures() >= *most) running.is_stopping = true;
  const FleetProgress next = wanted(running);
  const FleetProgress& stored = running.stored;
  const bool is_stored = next.state == stored.state && next.is_cancelled == stored.is_cancelled &&
                         next.is_settled == stored.is_settled;
  if (!is_stored && !running.is_saving) save(running, next);
  advance(running);
}

void Fleets::save(Running& running, const FleetProgress& wanted) {
  running.is_saving = true;
  repository_.update_fleet(running.fleet->id, wanted,
                           [this, id = running.fleet->id, wanted](const Result<void>& result) {
                             saved(id, wanted, result);
                           });
}

void Fleets::saved(const std::string& id, const FleetProgress& wanted, const Result<void>& result) {
  Running& running = *at(id);
  running.is_saving = false;
  if (!result) return take_back_cancel(running, result.error());
  running.stored = wanted;
  running.is_untold = true;
  if (wanted.is_settled) return settle(id);
  review(running);
}

/// What was not stored is tried again in a second, but who cancels is told now.
void Fleets::take_back_cancel(Running& running, const Error& error) {
  if (running.stored.is_cancelled || !running.is_cancelled) return;
  running.is_cancelled = false;
  running.is_stopping = running.stored.state == FleetState::kStopped;
  for (auto& done : std::exchange(running.cancels, {})) done(std::unexpected(error));
}

void Fleets::settle(const std::string& id) {
  const auto ended = running_.extract(id);
  Running& running = ended.mapped();
  const FleetReport last = report(running);
  for (auto& done : running.cancels) {
    if (last.state == FleetState::kDone) {
      done(fail(Code::kConflict, "fleet {}: already done", id));
    } else {
      done(last);
    }
  }
  hands_.tell(*running.fleet, last, running.sender);
  hands_.settled(running.fleet->tenant);
}

void Fleets::go_on(const std::string& id) {
  Running* const running = at(id);
  if (running == nullptr) return;
  running->is_stepping = false;
  advance(*running);
}

void Fleets::advance(Running& running) {
  if (running.is_stepping || running.is_paused || is_stopped_) return;
  if (running.stored.is_cancelled) {
    cancel_in_flight(running);
  } else if (!running.is_stopping) {
    hand_out(running);
  }
}

void Fleets::hand_out(Running& running) {
  std::size_t asked = 0;
  const std::int64_t most = running.fleet->max_in_flight;
  for (; running.next < running.places.size(); ++running.next) {
    if (running.places[running.next] != kWaiting) continue;
    if (running.counts.in_flight() + running.asked >= most) return;
    if (asked++ == kStep) return step_later(running);
    move(running, running.next, kAsked);
    hands_.hand_out(running.fleet, running.next, running.waits_for_devices);
  }
}

void Fleets::cancel_in_flight(Running& running) {
  std::size_t asked = 0;
  for (; running.next_cancel < running.places.size(); ++running.next_cancel) {
    const Place place = running.places[running.next_cancel];
    if (place <= kAsked || is_final_place(place)) continue;
    if (asked++ == kStep) return step_later(running);
    hands_.cancel(running.fleet, running.next_cancel);
  }
}

void Fleets::step_later(Running& running) {
  running.is_stepping = true;
  hands_.again(running.fleet->id);
}

void Fleets::once_a_second() {
  for (auto& [id, running] : running_) {
    running.is_paused = false;
    // Whoever could not be cancelled is asked again.
    if (!running.is_stepping) running.next_cancel = 0;
    review(running);
    if (std::exchange(running.is_untold, false)) {
      hands_.tell(*running.fleet, report(running), running.sender);
    }
  }
}

}  // namespace fairlead::commands
