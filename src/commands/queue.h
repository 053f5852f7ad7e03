#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/rare.h"
#include "commands/entry.h"

namespace fairlead::commands {

/// A device's unfinished commands in the order accepted, which is the order of their ids. Bounded
/// by Limits::unfinished_per_device.
class Queue {
 public:
  /// New commands go to the end; one whose end was taken back, to its old place.
  void insert(EntryPtr entry) {
    if (!entries_) entries_ = std::vector<EntryPtr>();
    auto place = entries_->end();
    while (place != entries_->begin() && (*(place - 1))->record.id() > entry->record.id()) --place;
    entries_->insert(place, std::move(entry));
  }
  void remove(const Entry& entry) {
    if (!entries_) return;
    std::erase_if(*entries_, [&](const EntryPtr& candidate) { return candidate.get() == &entry; });
    if (entries_->empty()) entries_.reset();
  }
  std::size_t size() const { return entries_ ? entries_->size() : 0; }
  /// Empty when there is none.
  std::string_view last_id() const {
    return entries_ ? entries_->back()->record.id() : std::string_view();
  }
  /// A copy: what is done with its members may change the queue.
  std::vector<EntryPtr> entries() const { return entries_ ? *entries_ : std::vector<EntryPtr>(); }

 private:
  /// None while empty, which most are.
  Rare<std::vector<EntryPtr>> entries_;
};

}  // namespace fairlead::commands
