#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/completion.h"
#include "base/random.h"
#include "commands/command.h"
#include "commands/entry.h"
#include "commands/id.h"
#include "commands/index.h"
#include "commands/journal.h"
#include "commands/late_senders.h"
#include "commands/params.h"
#include "commands/repository.h"
#include "protocol/capabilities.h"
#include "protocol/device_ref.h"
#include "protocol/requests.h"

namespace fairlead::commands {

/// A connection that sent a command and hears of it: opaque here, the hub knows what it means.
struct Sender {
  std::uint64_t shard = 0;
  /// Empty: nobody (an HTTP request, a restart).
  std::string connection;
};

/// What the service tells of commands. Called on the shard's thread, after the commit.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// A stored change of state; `is_late`: a late result came beside a final state.
  virtual void command_changed(protocol::DeviceRef device, const Command& command,
                               const Sender& sender, std::int64_t at, bool is_late) = 0;
  /// A command that had not ended went with its deleted device.
  virtual void command_gone(const Command& command) = 0;
};

/// The way to a device's connection.
class DeviceLink {
 public:
  virtual ~DeviceLink() = default;
  /// Queues the command on the device's connection. Service::written follows when the kernel took
  /// it; nothing follows when the connection ends before.
  virtual void deliver(protocol::DeviceRef device, const Command& command) = 0;
};

struct Limits {
  std::size_t unfinished_per_device = 50;
};

/// What is asked of send().
struct SendRequest {
  protocol::DeviceRef device = 0;
  protocol::DeviceKey device_key = 0;
  std::string tenant;
  std::string device_id;
  protocol::CommandSend body;
  std::string issued_by;
  Sender sender;
  /// Low 20 bits go into the id's last four characters, so that an id leads to its home shard.
  std::uint32_t home_hash = 0;
  bool is_device_connected = false;
  /// Of which command to many it is a part. Then whatever stands in its way is recorded.
  std::optional<std::string> fleet{};
  /// Also a command for now waits for the device until its time is over.
  bool waits_for_device = false;
};

struct Sent {
  std::string command;
  State state = State::kPending;
  /// Why the command was recorded as failed at once (kDeviceOffline, and for a part of a fleet also
  /// what else stands in its way): what the sender is told.
  std::optional<Error> refusal{};
};

/// The commands of one shard's devices: validated, numbered, stored, delivered in order, answered
/// or expired. Every change is stored before it is told: first its completion runs, then the sink
/// hears of it, then the device. Deterministic: time and commits come from outside. Thread: the
/// shard's.
///
/// Unlike elsewhere, send, accept, result, cancel, get and wait may run `done` inside the call,
/// when the answer is known at once and needs no commit. What is decided on a change that is on its
/// way is answered after its commit; when a commit fails, all of these fail with the store's error
/// (kOverloaded), and every command is as it was before. What time did (an expiry) is tried again
/// a second later, and so is a delivery that could not be written down.
class Service : private Journal::Witness {
 public:
  Service(Repository& repository, DeviceLink& link, EventSink& events, const Clock& clock,
          Random& random, Limits limits);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// A device of this shard: to be called when it is loaded or created, before all else about it.
  void know(protocol::DeviceRef device, protocol::DeviceKey key);
  /// At start: an unfinished command of the store. In any order.
  void restore(protocol::DeviceRef device, const Command& command);
  /// The deletion of the device is about to be written. From here on nothing more of its commands
  /// is: a write behind the deletion would be of no device, and fail with all that goes with it.
  /// Whoever asks for one is answered with kNotFound. Then forget() or stays() follows.
  void begin_removal(protocol::DeviceRef device) { index_.device(device).is_going = true; }
  /// The deletion failed: what happened to the commands meanwhile is written soon.
  void stays(protocol::DeviceRef device);
  /// A deleted device: its unfinished commands end, of which the sink hears, their timers too. Who
  /// waits for one is answered with kNotFound.
  void forget(protocol::DeviceRef device);

  /// Checks name and params against `declared`, the queue's bound, the connection. Answers after
  /// the commit: kInvalid, kQueueFull at once (nothing stored); `refusal` after it was
  /// recorded as failed. Delivers right after the commit when the device is connected.
  void send(SendRequest request, const protocol::Capabilities& declared, Completion<Sent> done);

  // What the device does.
  /// It has a connection now (also: another one): everything stored and without a result goes out
  /// again, in order. A frame's `attempt` is one more than the deliveries that the kernel is known
  /// to have taken: a frame that was queued and not taken is sent again under its own number.
  void device_connected(protocol::DeviceRef device);
  void device_disconnected(protocol::DeviceRef device);
  /// The frame of `command` was taken by the kernel: stored as delivered.
  void written(protocol::DeviceRef device, std::string_view command);
  void accept(protocol::DeviceRef device, const protocol::CommandAccept& request,
              Completion<void> done);
  void result(protocol::DeviceRef device, const protocol::CommandResult& request,
              Completion<void> done);

  // What clients do.
  void cancel(protocol::DeviceRef device, std::string_view command, Completion<State> done);
  /// The device's commands of that fleet, unless they have ended. Nobody is answered.
  void cancel_of_fleet(protocol::DeviceRef device, std::string_view fleet);
  /// The command as stored; kNotFound when it is not this device's. From memory or the store.
  void get(protocol::DeviceRef device, std::string_view command, Completion<Command> done);
  /// Runs `done` with the final state, or with the state at `deadline_ms` (wall clock).
  void wait(protocol::DeviceRef device, std::string_view command, std::int64_t deadline_ms,
            Completion<Command> done);

  /// The hub stops: every wait, those to come too, ends with the state as it is.
  void end_waits();

  /// Expires what is due and ends waits; to be called when next_deadline() has come. A command has
  /// expired when its time has come, called or not: whatever comes later finds it so.
  void fire(std::int64_t now_ms);
  /// Wall clock of the next expiry, end of a wait or second try; nullopt when there is none.
  std::optional<std::int64_t> next_deadline() const { return index_.deadlines().next(); }

  /// Whose command that is, as far as memory tells; nullopt when only the store can.
  std::optional<protocol::DeviceRef> device_of(std::string_view command) const {
    const EntryPtr entry = index_.find(command);
    return entry == nullptr ? std::nullopt : std::optional(entry->device);
  }

  /// Unfinished commands by state, for metrics.
  std::size_t count(State state) const { return index_.count(state); }
  /// What send() holds against the limit: every admitted command that has not ended.
  std::size_t unfinished(protocol::DeviceRef device) const { return index_.unfinished(device); }

 private:
  /// What is done with a command when it was found.
  using Operation = std::move_only_function<void(const Result<EntryPtr>&)>;
  /// Operations on a command that is being looked up in the store.
  struct Waiting {
    protocol::DeviceRef device = 0;
    protocol::DeviceKey key = 0;
    Operation operation;
  };

  // Journal::Witness
  void committed(Change& change) override;
  void undone(const EntryPtr& entry, const Error& error) override;

  Result<void> check(const SendRequest& request, const protocol::Capabilities& declared);
  Command new_command(SendRequest& request, std::int64_t now);

  void with(protocol::DeviceRef device, std::string_view id, Operation operation);
  void looked_up(const std::string& id, const Result<std::optional<Command>>& found);
  Result<EntryPtr> entry_for(const Waiting& waiting, const std::string& id,
                             const Result<std::optional<Command>>& found);

  void accept_found(const EntryPtr& entry, Completion<void> done);
  void result_found(const EntryPtr& entry, const protocol::CommandResult& request,
                    Completion<void> done);
  void cancel_found(const EntryPtr& entry, Completion<State> done);
  /// Answers when what is admitted is committed: now, or behind the change on its way.
  template <typename T>
  void answer_behind(const EntryPtr& entry, Result<T> result, Completion<T> done);

  /// Writes down what has happened and is not admitted yet: a delivery whose write failed, and the
  /// end of its time. To be called before a request is judged.
  void catch_up(const EntryPtr& entry, std::int64_t now);
  void record_delivery(const EntryPtr& entry, std::int64_t now);
  void deliver(const EntryPtr& entry);
  void end_wait(Wait& wait);
  void answer_waits(Entry& entry, const Result<Command>& result);
  /// A finished command without changes on their way lives in the store only.
  void drop_if_over(const EntryPtr& entry);

  Repository& repository_;
  DeviceLink& link_;
  EventSink& events_;
  const Clock& clock_;
  Random& random_;
  const Limits limits_;
  Params params_;
  Index index_;
  Journal journal_;
  LateSenders late_senders_;
  std::unordered_map<std::string, std::vector<Waiting>> lookups_;
  bool is_ending_waits_ = false;
};

}  // namespace fairlead::commands
