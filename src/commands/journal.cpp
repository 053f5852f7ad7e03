#include "commands/journal.h"

#include <utility>
#include <vector>

#include "base/assert.h"

namespace fairlead::commands {
namespace {

void answer(Change& change, const Result<void>& result) {
  for (auto& done : change.done) done(result);
}

}  // namespace

void Journal::admit(Change change) {
  in_flight_.push_back(std::make_unique<Change>(std::move(change)));
  Change& admitted = *in_flight_.back();
  admitted.entry->ahead = &admitted;
  index_.refresh(admitted.entry);
  repository_.save(admitted.entry->command(admitted.after),
                   [this](const Result<void>& result) { settle(result); });
}

void Journal::settle(const Result<void>& result) {
  FAIRLEAD_ASSERT(!in_flight_.empty());
  const std::unique_ptr<Change> change = std::move(in_flight_.front());
  in_flight_.pop_front();
  if (result) {
    commit(*change);
  } else {
    if (!change->is_undone) undo_all(*change, result.error());
    answer(*change, result);
  }
}

void Journal::commit(Change& change) {
  Entry& entry = *change.entry;
  if (entry.ahead == &change) entry.ahead = nullptr;
  if (!index_.holds(entry)) {
    return answer(change, fail(change.is_undone ? Code::kOverloaded : Code::kNotFound,
                               "command {}: its device is gone", entry.record.id()));
  }
  entry.committed = std::move(change.after);
  entry.is_committed = true;
  if (change.is_undone && entry.ahead != nullptr) {
    // Admitted by a completion of another service in the middle of a failure, before the failure
    // was known here, and stored nevertheless. What was admitted since overwrites it.
    return answer(change, fail(Code::kOverloaded, "command {}: the store failed, try again",
                               entry.record.id()));
  }
  index_.refresh(change.entry);
  witness_.committed(change);
}

void Journal::undo_all(Change& failed, const Error& error) {
  std::vector<EntryPtr> touched;
  const auto undo = [&](Change& change) {
    change.is_undone = true;
    if (change.entry->ahead == nullptr) return;
    change.entry->ahead = nullptr;
    touched.push_back(change.entry);
  };
  undo(failed);
  for (const auto& change : in_flight_) {
    if (!change->is_undone) undo(*change);
  }
  for (const EntryPtr& entry : touched) {
    if (entry->is_committed) {
      index_.refresh(entry);
    } else {
      index_.erase(entry);
    }
  }
  for (const EntryPtr& entry : touched) witness_.undone(entry, error);
}

}  // namespace fairlead::commands
