#pragma once

#include <boost/container/deque.hpp>
#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/completion.h"
#include "devices/device.h"
#include "devices/repository.h"
#include "protocol/capabilities.h"
#include "protocol/device_ref.h"
#include "protocol/requests.h"

namespace fairlead::devices {

/// One end or beginning of a device's presence, as it is told.
struct Presence {
  bool is_connected = false;
  std::int64_t session = 0;
  std::int64_t at = 0;
  /// Empty on a connect.
  std::string reason;
  std::int64_t last_seen = 0;
};

enum class Change : std::uint8_t { kRegistered, kUpdated };

/// What the service tells. Called on the shard's thread, after the commit.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void entry_changed(protocol::DeviceRef device, Change change) = 0;
  virtual void entry_deleted(protocol::DeviceRef device) = 0;
  /// The place is free from now on: after a deletion, or when a new entry could not be stored.
  virtual void entry_forgotten(protocol::DeviceRef device) = 0;
  virtual void status_changed(protocol::DeviceRef device, std::int64_t at) = 0;
  virtual void presence_changed(protocol::DeviceRef device, const Presence& presence) = 0;
};

/// Gives keys to new devices of one shard: `first`, then every `step`-th, so that shards never
/// give the same.
struct KeySeries {
  protocol::DeviceKey first = 1;
  protocol::DeviceKey step = 1;
};

/// The registry of one shard's devices and their presence. What is read here is what is stored and
/// told; changes are admitted on top of those still on their way and undone when a commit fails.
/// Thread: the shard's.
class Service {
 public:
  Service(Repository& repository, EventSink& events, const Clock& clock, KeySeries keys);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// At start: an entry of the store. Returns its place.
  protocol::DeviceRef restore(Device device);

  /// Where a stored device stands; nullopt when there is none (or it is on its way, or going).
  std::optional<protocol::DeviceRef> find(std::string_view tenant, std::string_view id) const;
  /// find(), or a place for a new entry that the next change stores (see is_new()); nullopt while a
  /// device of that id is being deleted. A place whose first change fails is forgotten.
  std::optional<protocol::DeviceRef> find_or_add(std::string_view tenant, std::string_view id);

  /// The entry as it is stored.
  const Device& device(protocol::DeviceRef device) const { return at(device).stored; }
  /// Never stored so far.
  bool is_new(protocol::DeviceRef device) const { return !at(device).is_stored; }
  /// The entry as it will be once everything admitted is stored.
  const Device& admitted(protocol::DeviceRef device) const { return at(device).newest(); }
  const protocol::Capabilities& capabilities(protocol::DeviceRef device) const {
    const Entry& entry = at(device);
    return entry.capabilities ? *entry.capabilities : undeclared_;
  }
  bool is_connected(protocol::DeviceRef device) const { return at(device).is_connected; }

  /// A merge: what is absent stays, null clears.
  void register_device(protocol::DeviceRef device, const protocol::DeviceRegister& request,
                       Completion<void> done);
  /// PATCH and PUT: as a merge, or with everything absent cleared.
  void write(protocol::DeviceRef device, const protocol::DeviceWrite& request, bool replaces,
             Completion<void> done);
  void set_status(protocol::DeviceRef device, const protocol::DeviceStatus& request,
                  Completion<void> done);
  void remove(protocol::DeviceRef device, Completion<void> done);

  /// A connection of the device begins; `done` gets its session number after the commit. Tells
  /// presence unless the device is connected already (a takeover).
  void connect(protocol::DeviceRef device, Completion<std::int64_t> done);
  /// The connection of `session` ended. Tells presence after the commit unless a later session took
  /// over; is tried again by retry() when the commit failed.
  void disconnect(protocol::DeviceRef device, std::int64_t session, std::string reason,
                  std::int64_t last_seen);
  /// Stores `last_seen` of a connected device.
  void touch(protocol::DeviceRef device, std::int64_t last_seen);
  /// Writes the ends again that a failed commit took back. To be called about once a second.
  void retry();

  /// Stored devices of a tenant whose id begins with `prefix`, by id, from the first behind `after`
  /// on; ends when `visit` says false.
  template <typename Visit>
  void each(std::string_view tenant, std::string_view prefix, std::string_view after,
            Visit&& visit) const;

  std::size_t size() const { return index_.size(); }

 private:
  /// A place's device. There is one for each device ever seen, most of them idle: what only some
  /// need hangs on a pointer that is null for the others.
  struct Entry : boost::intrusive::set_base_hook<
                     boost::intrusive::optimize_size<true>,
                     boost::intrusive::link_mode<boost::intrusive::normal_link>> {
    explicit Entry(protocol::DeviceRef place) : ref(place) {}

    const Device& newest() const { return admitted ? *admitted : stored; }

    Device stored;
    /// `stored` and what is on its way; null while nothing is.
    std::unique_ptr<Device> admitted;
    /// Null when the device declared none.
    std::unique_ptr<const protocol::Capabilities> capabilities;
    const protocol::DeviceRef ref;
    /// Changes admitted but not yet stored.
    std::uint32_t in_flight = 0;
    /// Changes when a failed commit took changes back.
    std::uint32_t round = 0;
    bool is_stored = false;
    bool is_removed = false;
    bool is_connected = false;
  };
  /// The order of the index: by tenant, then id.
  struct Name {
    std::string_view tenant;
    std::string_view id;
    friend auto operator<=>(const Name&, const Name&) = default;
  };
  struct NameOf {
    using type = Name;
    Name operator()(const Entry& entry) const { return {entry.stored.tenant, entry.stored.id}; }
  };
  struct UnstoredEnd {
    protocol::DeviceRef device = 0;
    /// Tells whether the place is still the same device's.
    protocol::DeviceKey key = 0;
    std::int64_t session = 0;
    std::string reason;
    std::int64_t last_seen = 0;
    /// When it happened, however late it could be stored.
    std::int64_t at = 0;
  };

  Entry& at(protocol::DeviceRef device);
  const Entry& at(protocol::DeviceRef device) const;
  /// The newest form, to be changed: the change is on its way from now on.
  Device& admit(Entry& entry);
  protocol::DeviceRef place(Device device, bool is_stored);
  /// Runs `told` once `next` is stored; not when it failed or the place was given away.
  void save(protocol::DeviceRef device, Device next, Completion<void> done,
            std::move_only_function<void(bool is_new)> told);
  void update(protocol::DeviceRef device, Device next, Completion<void> done);
  void end_session(UnstoredEnd end);
  /// Books the end of a write: true when it was stored and the place is still the same device's.
  bool settle(protocol::DeviceRef device, std::uint32_t round, bool is_stored);
  /// True when the entry was not stored before.
  bool take_stored(protocol::DeviceRef device, Device stored);
  void tell_end(const UnstoredEnd& end);
  void forget(protocol::DeviceRef device);

  Repository& repository_;
  EventSink& events_;
  const Clock& clock_;
  KeySeries keys_;
  const protocol::Capabilities undeclared_;
  /// In blocks, so that entries stay where they are.
  boost::container::deque<Entry, void,
                          boost::container::deque_options<boost::container::block_size<64>>::type>
      entries_;
  std::vector<protocol::DeviceRef> free_;
  boost::intrusive::set<Entry, boost::intrusive::key_of_value<NameOf>> index_;
  std::vector<UnstoredEnd> unstored_ends_;
};

/// What lives beside a registry entry, for its shape on the wire.
struct Live {
  bool is_connected = false;
  std::int64_t offset = 0;
  std::optional<std::int64_t> last_seen;
};

/// The shape of protocol section 9, appended to `out`.
void write_json(std::string& out, const Device& device, const Live& live);

template <typename Visit>
void Service::each(std::string_view tenant, std::string_view prefix, std::string_view after,
                   Visit&& visit) const {
  auto place = after.empty() || after < prefix ? index_.lower_bound(Name{tenant, prefix})
                                               : index_.upper_bound(Name{tenant, after});
  for (; place != index_.end(); ++place) {
    const Device& device = place->stored;
    if (device.tenant != tenant || !device.id.starts_with(prefix)) return;
    if (place->is_stored && !place->is_removed && !visit(place->ref)) return;
  }
}

}  // namespace fairlead::devices
