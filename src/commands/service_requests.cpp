// What devices and clients ask of the service.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "commands/results.h"
#include "commands/service.h"
#include "protocol/codes.h"

namespace fairlead::commands {
namespace {

/// A delivery is written down so much later: the answer of a device that is quick shares its
/// commit, and who waits for it waits for two commits instead of three.
constexpr std::int64_t kDeliveryGraceMs = 5;

std::unexpected<Error> unknown(std::string_view id) {
  return fail(Code::kNotFound, "command {}: unknown", id);
}

std::unexpected<Error> already(const Entry& entry) {
  return fail(Code::kConflict, "command {}: already {}", entry.record.id(),
              name_of(entry.admitted().state));
}

}  // namespace

template <typename T>
void Service::answer_behind(const EntryPtr& entry, Result<T> result, Completion<T> done) {
  if (entry->ahead == nullptr) return done(std::move(result));
  entry->ahead->done.emplace_back(
      [result = std::move(result), done = std::move(done)](const Result<void>& committed) mutable {
        if (!committed) return done(std::unexpected(committed.error()));
        done(std::move(result));
      });
}

void Service::send(SendRequest request, const protocol::Capabilities& declared,
                   Completion<Sent> done) {
  const Result<void> checked = check(request, declared);
  const bool is_gone = !checked && checked.error().code == Code::kNotFound;
  if (!checked && (!request.fleet || is_gone)) return done(std::unexpected(checked.error()));
  const std::int64_t now = clock_.now_ms();
  know(request.device, request.device_key);
  std::optional<Error> refusal;
  if (!checked) {
    refusal = checked.error();
  } else if (!request.body.queue && !request.is_device_connected && !request.waits_for_device) {
    refusal = fail(Code::kDeviceOffline, "device {}: not connected", request.device_id).error();
  }
  const Command command = new_command(request, now);
  const auto entry = std::make_shared<Entry>(command, request.device, request.sender.shard,
                                             request.sender.connection);
  Change change{.entry = entry, .after = Progress::begin(now), .told = Told::kState, .at = now};
  Sent answer{.command = command.id};
  if (refusal) {
    answer.state = State::kFailed;
    change.after.apply(Happening::kFail, now);
    change.after.set_outcome(
        {.error = error_json(protocol::wire_name(refusal->code), refusal->message)});
    answer.refusal = std::move(refusal);
  }
  change.done.emplace_back(
      [answer = std::move(answer), done = std::move(done)](const Result<void>& committed) mutable {
        if (!committed) return done(std::unexpected(committed.error()));
        done(std::move(answer));
      });
  index_.insert(entry);
  journal_.admit(std::move(change));
}

Result<void> Service::check(const SendRequest& request, const protocol::Capabilities& declared) {
  const protocol::CommandSend& body = request.body;
  if (index_.device(request.device).is_going) {
    return fail(Code::kNotFound, "device {}: not found", request.device_id);
  }
  if (!declared.takes(body.name)) return invalid_field("name", "is not declared by the device");
  if (auto fits = params_.check(declared.params_schema(body.name), body.params); !fits) return fits;
  if (index_.unfinished(request.device) >= limits_.unfinished_per_device) {
    return fail(Code::kQueueFull, "device {}: has {} unfinished commands, the most allowed",
                request.device_id, index_.unfinished(request.device));
  }
  return {};
}

Command Service::new_command(SendRequest& request, std::int64_t now) {
  protocol::CommandSend& body = request.body;
  Command command;
  command.id = new_command_id(now, random_, request.home_hash,
                              index_.device(request.device).queue.last_id());
  command.device_key = request.device_key;
  command.tenant = std::move(request.tenant);
  command.device = std::move(request.device_id);
  command.name = std::move(body.name);
  command.params = std::move(body.params);
  command.is_queued = body.queue;
  command.issued_by = std::move(request.issued_by);
  command.issued_at = now;
  command.expires_at = now + body.timeout_ms;
  command.idempotency_key = std::move(body.idempotency_key);
  command.fleet = std::move(request.fleet);
  return command;
}

void Service::device_connected(protocol::DeviceRef device) {
  Index::Device& connected = index_.device(device);
  connected.is_connected = true;
  ++connected.session;
  for (const EntryPtr& entry : connected.queue.entries()) deliver(entry);
}

void Service::device_disconnected(protocol::DeviceRef device) {
  index_.device(device).is_connected = false;
}

void Service::written(protocol::DeviceRef device, std::string_view command) {
  const EntryPtr entry = index_.find(command);
  if (!entry || entry->record.device_key() != index_.device(device).key) return;
  entry->deliveries = std::max(entry->deliveries, entry->sent_attempt);
  if (entry->is_finished() || !entry->has_unrecorded_delivery()) return;
  const std::int64_t soon = clock_.now_ms() + kDeliveryGraceMs;
  index_.deadlines().arm(*entry, std::min(soon, entry->record.expires_at()));
}

void Service::accept(protocol::DeviceRef device, const protocol::CommandAccept& request,
                     Completion<void> done) {
  with(device, request.command,
       [this, done = std::move(done)](const Result<EntryPtr>& found) mutable {
         if (!found) return done(std::unexpected(found.error()));
         accept_found(*found, std::move(done));
       });
}

void Service::accept_found(const EntryPtr& entry, Completion<void> done) {
  const std::int64_t now = clock_.now_ms();
  catch_up(entry, now);
  if (entry->is_finished()) return answer_behind<void>(entry, already(*entry), std::move(done));
  if (entry->admitted().state == State::kAccepted) {
    return answer_behind<void>(entry, {}, std::move(done));
  }
  Change change{.entry = entry, .after = entry->admitted(), .told = Told::kState, .at = now};
  change.after.apply(Happening::kAccept, now);
  change.done.emplace_back(std::move(done));
  journal_.admit(std::move(change));
}

void Service::result(protocol::DeviceRef device, const protocol::CommandResult& request,
                     Completion<void> done) {
  with(device, request.command,
       [this, request, done = std::move(done)](const Result<EntryPtr>& found) mutable {
         if (!found) return done(std::unexpected(found.error()));
         result_found(*found, request, std::move(done));
       });
}

void Service::result_found(const EntryPtr& entry, const protocol::CommandResult& request,
                           Completion<void> done) {
  const std::int64_t now = clock_.now_ms();
  catch_up(entry, now);
  Change change{.entry = entry, .after = entry->admitted(), .told = Told::kState, .at = now};
  if (!entry->is_finished()) {
    change.after.apply(request.executed ? Happening::kExecute : Happening::kFail, now);
    change.after.set_outcome({.result = request.result, .error = request.error});
  } else {
    const Verdict verdict = judge(entry->admitted(), request);
    if (verdict == Verdict::kEqual) return answer_behind<void>(entry, {}, std::move(done));
    if (verdict == Verdict::kConflict) {
      return answer_behind<void>(entry, already(*entry), std::move(done));
    }
    change.after.set_outcome({.late_result = late_result_json(request, now)});
    change.told = Told::kLateResult;
  }
  change.done.emplace_back(std::move(done));
  journal_.admit(std::move(change));
}

void Service::cancel(protocol::DeviceRef device, std::string_view command, Completion<State> done) {
  with(device, command, [this, done = std::move(done)](const Result<EntryPtr>& found) mutable {
    if (!found) return done(std::unexpected(found.error()));
    cancel_found(*found, std::move(done));
  });
}

void Service::cancel_found(const EntryPtr& entry, Completion<State> done) {
  const std::int64_t now = clock_.now_ms();
  catch_up(entry, now);
  if (entry->is_finished()) return answer_behind<State>(entry, already(*entry), std::move(done));
  Change change{.entry = entry, .after = entry->admitted(), .told = Told::kState, .at = now};
  change.after.apply(Happening::kCancel, now);
  change.done.emplace_back([done = std::move(done)](const Result<void>& committed) mutable {
    if (!committed) return done(std::unexpected(committed.error()));
    done(State::kCancelled);
  });
  journal_.admit(std::move(change));
}

void Service::cancel_of_fleet(protocol::DeviceRef device, std::string_view fleet) {
  const Index::Device& asked = index_.device(device);
  if (asked.is_going) return;
  for (const EntryPtr& entry : asked.queue.entries()) {
    if (entry->record.fleet() == fleet) cancel_found(entry, [](const Result<State>&) {});
  }
}

void Service::get(protocol::DeviceRef device, std::string_view command, Completion<Command> done) {
  // As a wait whose time is over.
  wait(device, command, clock_.now_ms(), std::move(done));
}

void Service::wait(protocol::DeviceRef device, std::string_view command, std::int64_t deadline_ms,
                   Completion<Command> done) {
  with(device, command,
       [this, deadline_ms, done = std::move(done)](const Result<EntryPtr>& found) mutable {
         if (!found) return done(std::unexpected(found.error()));
         Entry& entry = **found;
         Wait& wait = entry.waits.emplace_front(entry, std::move(done));
         const bool is_over = entry.is_committed && is_final(entry.committed.state);
         const bool is_time_over = is_ending_waits_ || deadline_ms <= clock_.now_ms();
         if (is_over || is_time_over) return end_wait(wait);
         index_.deadlines().arm(wait, deadline_ms);
       });
}

void Service::with(protocol::DeviceRef device, std::string_view id, Operation operation) {
  const protocol::DeviceKey key = index_.key_of(device);
  if (index_.device(device).is_going) return operation(unknown(id));
  if (const EntryPtr entry = index_.find(id)) {
    if (entry->record.device_key() != key) return operation(unknown(id));
    return operation(entry);
  }
  const auto [lookup, is_first] = lookups_.try_emplace(std::string(id));
  lookup->second.push_back({device, key, std::move(operation)});
  if (!is_first) return;
  repository_.find(std::string(id),
                   [this, id = std::string(id)](const Result<std::optional<Command>>& found) {
                     looked_up(id, found);
                   });
}

void Service::looked_up(const std::string& id, const Result<std::optional<Command>>& found) {
  const auto lookup = lookups_.extract(id);
  FAIRLEAD_ASSERT(!lookup.empty());
  for (Waiting& waiting : lookup.mapped()) {
    const Result<EntryPtr> entry = entry_for(waiting, id, found);
    waiting.operation(entry);
    if (entry) drop_if_over(*entry);
  }
}

Result<EntryPtr> Service::entry_for(const Waiting& waiting, const std::string& id,
                                    const Result<std::optional<Command>>& found) {
  if (!found) return std::unexpected(found.error());
  const std::optional<Command>& command = *found;
  if (!command || command->device_key != waiting.key) return unknown(id);
  // The device was deleted meanwhile.
  const Index::Device& device = index_.device(waiting.device);
  if (device.key != waiting.key || device.is_going) return unknown(id);
  // An operation before this one changed it.
  if (EntryPtr entry = index_.find(id)) return entry;
  if (!is_final(command->state)) {
    return fail(Code::kInternal, "command {}: unfinished, but not taken up", id);
  }
  const LateSenders::Place sender = late_senders_.find(id);
  auto entry = std::make_shared<Entry>(*command, waiting.device, sender.shard, sender.connection);
  entry->committed = Progress::of(*command);
  entry->is_committed = true;
  entry->deliveries = entry->committed.attempt;
  index_.insert(entry);
  return entry;
}

}  // namespace fairlead::commands
