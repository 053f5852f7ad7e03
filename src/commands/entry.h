#pragma once

#include <cstdint>
#include <forward_list>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/completion.h"
#include "commands/deadlines.h"
#include "commands/progress.h"
#include "commands/record.h"
#include "protocol/device_ref.h"

namespace fairlead::commands {

struct Entry;
using EntryPtr = std::shared_ptr<Entry>;

/// What is told when a change is stored.
enum class Told : std::uint8_t { kNothing, kState, kLateResult };

/// A change that was decided and is on its way into the store.
struct Change {
  EntryPtr entry;
  /// The command as it is from this change on.
  Progress after;
  Told told = Told::kNothing;
  std::int64_t at = 0;
  /// A write failed, and the command was put back to a form without this change.
  bool is_undone = false;
  /// Who waits for the commit: who asked for the change, and whose answers rest on it.
  std::vector<std::move_only_function<void(const Result<void>&)>> done{};
};

/// Somebody who waits for the end of a command; lives in its entry.
struct Wait : Timer {
  Wait(Entry& owner, Completion<Command> completion)
      : Timer(Kind::kWait), entry(owner), done(std::move(completion)) {}

  Entry& entry;
  Completion<Command> done;
};

/// A command in memory: unfinished, or finished with a change still on its way. It has two forms:
/// the committed one is what may be told; the admitted one, ahead by the changes on their way,
/// decides what the next request meets. Its timer is its expiry, or a write tried again before.
struct Entry : Timer {
  Entry(const Command& command, protocol::DeviceRef ref, std::uint64_t shard,
        std::string_view connection)
      : Timer(Kind::kCommand), record(command, connection), sender_shard(shard), device(ref) {}

  const Progress& admitted() const { return ahead != nullptr ? ahead->after : committed; }
  bool is_finished() const { return is_final(admitted().state); }
  /// Deliveries that are not in the admitted form: their write failed.
  bool has_unrecorded_delivery() const { return deliveries > admitted().attempt; }
  Command command(const Progress& progress) const {
    Command command = record.unpack();
    progress.write_to(command);
    return command;
  }

  const Record record;
  Progress committed;
  /// The last change on its way, owned by the journal; null when there is none.
  Change* ahead = nullptr;
  std::forward_list<Wait> waits;
  std::uint64_t sender_shard = 0;
  protocol::DeviceRef device = 0;
  /// Frames of this command that the kernel is known to have taken.
  std::uint32_t deliveries = 0;
  /// The attempt that the last queued frame carried.
  std::uint32_t sent_attempt = 0;
  /// The device's session (as in Index) in which that was; 0 for none.
  std::uint32_t sent_session = 0;
  bool is_committed = false;
  /// As what the index counts it.
  std::optional<State> counted;
};

}  // namespace fairlead::commands
