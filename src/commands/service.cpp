#include "commands/service.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "commands/results.h"

namespace fairlead::commands {
namespace {

/// After this time a write that failed is tried again when nobody asks for it.
constexpr std::int64_t kRetryMs = 1000;

std::unexpected<Error> deleted(const Entry& entry) {
  return fail(Code::kNotFound, "command {}: its device is deleted", entry.record.id());
}

}  // namespace

Service::Service(Repository& repository, DeviceLink& link, EventSink& events, const Clock& clock,
                 Random& random, Limits limits)
    : repository_(repository),
      link_(link),
      events_(events),
      clock_(clock),
      random_(random),
      limits_(limits),
      journal_(repository, index_, *this) {}

void Service::know(protocol::DeviceRef device, protocol::DeviceKey key) {
  Index::Device& entry = index_.device(device);
  FAIRLEAD_ASSERT(entry.key == 0 || entry.key == key);
  entry.key = key;
}

void Service::restore(protocol::DeviceRef device, const Command& command) {
  FAIRLEAD_ASSERT(!is_final(command.state));
  know(device, command.device_key);
  auto entry = std::make_shared<Entry>(command, device, 0, "");
  entry->committed = Progress::of(command);
  entry->is_committed = true;
  entry->deliveries = entry->committed.attempt;
  index_.insert(entry);
  index_.refresh(entry);
}

void Service::stays(protocol::DeviceRef device) {
  Index::Device& staying = index_.device(device);
  staying.is_going = false;
  // Not in this call, which may be in the middle of a failure that puts commands back.
  for (const EntryPtr& entry : staying.queue.entries()) {
    index_.deadlines().arm(*entry, clock_.now_ms());
  }
}

void Service::forget(protocol::DeviceRef device) {
  Index::Device& gone = index_.device(device);
  const protocol::DeviceKey key = std::exchange(gone.key, 0);
  gone.is_connected = gone.is_going = false;
  std::vector<EntryPtr> entries = gone.queue.entries();
  journal_.each_entry([&](const EntryPtr& entry) {
    if (entry->record.device_key() == key) entries.push_back(entry);
  });
  for (const EntryPtr& entry : entries) {
    if (!index_.holds(*entry)) continue;
    index_.erase(entry);
    if (!is_final(entry->committed.state)) events_.command_gone(entry->command(entry->committed));
  }
  for (const EntryPtr& entry : entries) answer_waits(*entry, deleted(*entry));
}

void Service::committed(Change& change) {
  const EntryPtr entry = change.entry;
  const Command command = entry->command(entry->committed);
  for (auto& done : change.done) done({});
  if (change.told != Told::kNothing && index_.holds(*entry)) {
    events_.command_changed(entry->device, command,
                            {entry->sender_shard, std::string(entry->record.connection())},
                            change.at, change.told == Told::kLateResult);
  }
  if (is_final(command.state)) answer_waits(*entry, command);
  if (command.state == State::kExpired || command.state == State::kCancelled) {
    late_senders_.remember(command.id, entry->sender_shard, entry->record.connection());
  }
  deliver(entry);
  drop_if_over(entry);
}

void Service::undone(const EntryPtr& entry, const Error& error) {
  if (!entry->is_committed) return answer_waits(*entry, std::unexpected(error));
  if (!index_.holds(*entry)) return;
  const std::int64_t now = clock_.now_ms();
  if (!entry->is_finished()) {
    const std::int64_t expiry = entry->record.expires_at();
    const bool is_waited_for = expiry <= now || entry->has_unrecorded_delivery();
    const std::int64_t retry = now + kRetryMs;
    const std::int64_t at = !is_waited_for  ? expiry
                            : expiry <= now ? retry
                                            : std::min(expiry, retry);
    index_.deadlines().arm(*entry, at);
  }
  deliver(entry);
  drop_if_over(entry);
}

void Service::fire(std::int64_t now_ms) {
  while (Timer* timer = index_.deadlines().take_due(now_ms)) {
    if (timer->kind() == Timer::Kind::kWait) {
      end_wait(static_cast<Wait&>(*timer));
      continue;
    }
    const EntryPtr entry = index_.find(static_cast<Entry&>(*timer).record.id());
    // Comes again if the device stays.
    if (index_.is_going(*entry)) continue;
    catch_up(entry, now_ms);
    index_.refresh(entry);
  }
}

void Service::catch_up(const EntryPtr& entry, std::int64_t now) {
  if (entry->is_finished() || index_.is_going(*entry)) return;
  record_delivery(entry, now);
  if (now < entry->record.expires_at()) return;
  Change change{.entry = entry, .after = entry->admitted(), .told = Told::kState, .at = now};
  const bool is_expired = change.after.apply(Happening::kDeadline, now);
  FAIRLEAD_ASSERT(is_expired);
  journal_.admit(std::move(change));
}

void Service::record_delivery(const EntryPtr& entry, std::int64_t now) {
  if (entry->is_finished() || !entry->has_unrecorded_delivery()) return;
  if (index_.is_going(*entry)) return;
  Change change{.entry = entry, .after = entry->admitted(), .at = now};
  change.after.apply(Happening::kWritten, now);
  change.after.attempt = entry->deliveries;
  if (change.after.state != entry->admitted().state) change.told = Told::kState;
  journal_.admit(std::move(change));
}

void Service::deliver(const EntryPtr& entry) {
  if (!entry->is_committed || entry->is_finished() || !index_.holds(*entry)) return;
  const Index::Device& device = index_.device(entry->device);
  if (!device.is_connected || entry->sent_session == device.session) return;
  if (clock_.now_ms() >= entry->record.expires_at()) return;
  entry->sent_session = device.session;
  entry->sent_attempt = entry->deliveries + 1;
  Command command = entry->command(entry->committed);
  command.attempt = entry->sent_attempt;
  link_.deliver(entry->device, command);
}

void Service::end_wait(Wait& wait) {
  Entry& entry = wait.entry;
  Completion<Command> done = std::move(wait.done);
  entry.waits.remove_if([&](const Wait& candidate) { return &candidate == &wait; });
  const EntryPtr held = index_.find(entry.record.id());
  if (entry.is_committed) return done(entry.command(entry.committed));
  // Not stored yet: there is no state to tell before it is.
  entry.ahead->done.emplace_back(
      [held, done = std::move(done)](const Result<void>& result) mutable {
        if (!result) return done(std::unexpected(result.error()));
        done(held->command(held->committed));
      });
}

void Service::end_waits() {
  is_ending_waits_ = true;
  for (Timer* const timer : index_.deadlines().all(Timer::Kind::kWait)) {
    index_.deadlines().disarm(*timer);
    end_wait(static_cast<Wait&>(*timer));
  }
}

void Service::answer_waits(Entry& entry, const Result<Command>& result) {
  std::forward_list<Wait> waits = std::move(entry.waits);
  for (Wait& wait : waits) index_.deadlines().disarm(wait);
  for (Wait& wait : waits) wait.done(result);
}

void Service::drop_if_over(const EntryPtr& entry) {
  if (entry->is_committed && entry->ahead == nullptr && entry->is_finished()) index_.erase(entry);
}

}  // namespace fairlead::commands
