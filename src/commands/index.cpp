#include "commands/index.h"

#include "base/assert.h"

namespace fairlead::commands {

Index::Device& Index::device(protocol::DeviceRef ref) {
  if (ref >= devices_.size()) devices_.resize(std::size_t{ref} + 1);
  return devices_[ref];
}

protocol::DeviceKey Index::key_of(protocol::DeviceRef ref) const {
  FAIRLEAD_ASSERT(ref < devices_.size());
  FAIRLEAD_ASSERT(devices_[ref].key != 0);
  return devices_[ref].key;
}

EntryPtr Index::find(std::string_view id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second;
}

void Index::insert(const EntryPtr& entry) {
  const bool is_new = entries_.emplace(entry->record.id(), entry).second;
  FAIRLEAD_ASSERT(is_new);
}

void Index::refresh(const EntryPtr& entry) {
  if (!holds(*entry)) return;
  if (entry->is_finished()) {
    count_as(entry, std::nullopt);
    deadlines_.disarm(*entry);
  } else {
    count_as(entry, entry->admitted().state);
    if (!entry->is_armed()) deadlines_.arm(*entry, entry->record.expires_at());
  }
}

void Index::erase(const EntryPtr& entry) {
  if (!holds(*entry)) return;
  count_as(entry, std::nullopt);
  deadlines_.disarm(*entry);
  entries_.erase(entry->record.id());
}

void Index::count_as(const EntryPtr& entry, std::optional<State> state) {
  if (entry->counted) --counts_[static_cast<std::size_t>(*entry->counted)];
  if (state) ++counts_[static_cast<std::size_t>(*state)];
  if (state && !entry->counted) device(entry->device).queue.insert(entry);
  if (!state && entry->counted) device(entry->device).queue.remove(*entry);
  entry->counted = state;
}

std::size_t Index::unfinished(protocol::DeviceRef ref) const {
  return ref < devices_.size() ? devices_[ref].queue.size() : 0;
}

}  // namespace fairlead::commands
