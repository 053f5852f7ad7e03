#pragma once

#include <array>
#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/deadlines.h"
#include "commands/entry.h"
#include "commands/queue.h"

namespace fairlead::commands {

/// The commands in memory: by id, by device, by deadline, counted by state. Decides nothing.
class Index {
 public:
  struct Device {
    /// 0: not known (yet, or any more).
    protocol::DeviceKey key = 0;
    /// Counts its connections.
    std::uint32_t session = 0;
    bool is_connected = false;
    /// Its deletion is on its way: nothing of its commands is written any more.
    bool is_going = false;
    Queue queue;
  };

  Device& device(protocol::DeviceRef ref);
  /// The key of a known device.
  protocol::DeviceKey key_of(protocol::DeviceRef ref) const;

  bool is_going(const Entry& entry) const { return devices_[entry.device].is_going; }

  /// Null when it is not in memory.
  EntryPtr find(std::string_view id) const;
  bool holds(const Entry& entry) const { return find(entry.record.id()).get() == &entry; }

  void insert(const EntryPtr& entry);
  /// To be called after each change of the admitted form: makes queue, timer and count follow it.
  void refresh(const EntryPtr& entry);
  /// Waits are left to the caller. Nothing happens when it is not held.
  void erase(const EntryPtr& entry);

  Deadlines& deadlines() { return deadlines_; }
  const Deadlines& deadlines() const { return deadlines_; }
  std::size_t count(State state) const { return counts_[static_cast<std::size_t>(state)]; }
  std::size_t unfinished(protocol::DeviceRef ref) const;

 private:
  void count_as(const EntryPtr& entry, std::optional<State> state);

  /// In blocks: a fleet that grows leaves no larger copy behind.
  boost::container::deque<Device, void,
                          boost::container::deque_options<boost::container::block_size<64>>::type>
      devices_;
  /// Keys are views into the entries.
  boost::unordered_flat_map<std::string_view, EntryPtr> entries_;
  Deadlines deadlines_;
  std::array<std::size_t, kStateCount> counts_{};
};

}  // namespace fairlead::commands
