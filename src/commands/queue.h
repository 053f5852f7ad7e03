#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "commands/entry.h"

namespace fairlead::commands {

/// A device's unfinished commands in the order accepted, which is the order of their ids. Bounded
/// by Limits::unfinished_per_device.
class Queue {
 public:
  /// New commands go to the end; one whose end was taken back, to its old place.
  void insert(EntryPtr entry) {
    auto place = entries_.end();
    while (place != entries_.begin() && (*(place - 1))->record.id() > entry->record.id()) --place;
    entries_.insert(place, std::move(entry));
  }
  void remove(const Entry& entry) {
    std::erase_if(entries_, [&](const EntryPtr& candidate) { return candidate.get() == &entry; });
    if (entries_.empty()) std::vector<EntryPtr>().swap(entries_);
  }
  std::size_t size() const { return entries_.size(); }
  /// Empty when there is none.
  std::string_view last_id() const {
    return entries_.empty() ? std::string_view() : entries_.back()->record.id();
  }
  /// A copy: what is done with its members may change the queue.
  std::vector<EntryPtr> entries() const { return entries_; }

 private:
  std::vector<EntryPtr> entries_;
};

}  // namespace fairlead::commands
