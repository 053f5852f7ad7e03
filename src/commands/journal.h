#pragma once

#include <deque>
#include <memory>

#include "commands/entry.h"
#include "commands/index.h"
#include "commands/repository.h"

namespace fairlead::commands {

/// Brings admitted changes into the store, in the order admitted, and takes them back when that
/// fails. The repository fails everything on its way at once: so the first failure puts every
/// command of a change on its way back to its committed form (or forgets it when it has none)
/// before anybody hears of it, and what is admitted from then on rests on stored ground.
class Journal {
 public:
  /// Who is told; may admit again in the call.
  class Witness {
   public:
    virtual ~Witness() = default;
    /// `change` is the committed form of its entry now; its `done` has not run.
    virtual void committed(Change& change) = 0;
    /// `entry` is back at its committed form; not held any more when it has none.
    virtual void undone(const EntryPtr& entry, const Error& error) = 0;
  };

  Journal(Repository& repository, Index& index, Witness& witness)
      : repository_(repository), index_(index), witness_(witness) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Makes `change` the admitted form of its entry and saves it. `change.done` runs once, later.
  void admit(Change change);
  /// Entries with changes on their way, for one who forgets a device.
  template <typename Function>
  void each_entry(Function function) const {
    for (const auto& change : in_flight_) function(change->entry);
  }

 private:
  void settle(const Result<void>& result);
  void commit(Change& change);
  void undo_all(Change& failed, const Error& error);

  Repository& repository_;
  Index& index_;
  Witness& witness_;
  /// In the order of the saves, which is the order of their completions. Bounded by the store's
  /// queue: it refuses, or reading pauses.
  std::deque<std::unique_ptr<Change>> in_flight_;
};

}  // namespace fairlead::commands
