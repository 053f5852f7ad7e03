#pragma once

#include <array>
#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/permissions.h"
#include "auth/principal.h"
#include "base/rare.h"
#include "commands/fleet.h"
#include "hub/event.h"
#include "hub/peers.h"
#include "protocol/device_ref.h"
#include "protocol/limits.h"
#include "protocol/parse.h"
#include "protocol/requests.h"

namespace fairlead::hub {

/// A client's connection, as the home shards know it.
struct Viewer {
  std::size_t shard = 0;
  SessionNumber session = 0;

  friend auto operator<=>(const Viewer&, const Viewer&) = default;
};

/// Which connections of one shard get an event, in the same words: the same codec, the same
/// metrics.
struct Audience {
  std::size_t shard = 0;
  protocol::Codec codec = protocol::Codec::kJson;
  /// Sorted names; nullopt: all.
  std::optional<std::vector<std::string>> metrics;
  /// Some of them want a device's newest sample only now and then.
  bool is_conflated = false;
  Recipients recipients;
};

/// What a subscription asks of one home shard.
struct Selection {
  std::vector<std::string> patterns;
  /// Bits of EventBit.
  std::uint8_t events = 0;
  std::optional<std::vector<std::string>> metrics;
  std::int64_t min_interval_ms = 0;
};

/// Who wants which event of this shard's devices. Matching costs by the prefixes' lengths in use
/// and by what matches, not by what does not; per device it is remembered until some subscription
/// changes. Most connections have one small subscription, so those are kept small. Thread: the
/// shard's.
class Subscriptions {
 public:
  /// Permissions are the viewer's principal's; they are looked at for each event.
  void add(Viewer viewer, protocol::Codec codec, const auth::Principal& principal,
           SubscriptionNumber number, Selection selection);
  void remove(Viewer viewer, SubscriptionNumber number);
  /// All of a connection's.
  void remove_all(Viewer viewer);
  void set_principal(Viewer viewer, const auth::Principal& principal);

  /// Whether a device's telemetry is left out of a subscription for now (its replay sends it).
  void set_catching_up(Viewer viewer, SubscriptionNumber number, protocol::DeviceKey device,
                       bool is_catching_up);
  /// Whether the subscription still stands and its viewer may see this device's event.
  bool permitted(Viewer viewer, SubscriptionNumber number, std::string_view device,
                 protocol::EventBit event) const;
  /// Of a subscription that stands: sorted names; nullopt: all.
  std::optional<std::vector<std::string>> metrics(Viewer viewer, SubscriptionNumber number) const;

  /// Who gets this event of a device; by shard. Lasts until the next change.
  const std::vector<Audience>& audience(protocol::DeviceRef ref, protocol::DeviceKey key,
                                        std::string_view tenant, std::string_view device,
                                        protocol::EventBit event);
  /// Connections with a subscription to commands that selects one of the members, and that may see
  /// all of them.
  std::vector<Viewer> viewers_of(std::string_view tenant,
                                 const commands::FleetMembers& members) const;
  void forget(protocol::DeviceRef ref);
  /// Changes whenever an audience may have.
  std::uint64_t version() const { return version_; }

  std::size_t size() const { return slots_.size() - free_.size(); }

 private:
  /// Where a subscription stands in slots_.
  using Place = std::uint32_t;
  static constexpr Place kNone = 0xFFFFFFFF;
  /// A Viewer in one number.
  using ViewerKey = std::uint64_t;
  /// What a principal may see, without whose it is: many connections share one.
  using Sight = std::shared_ptr<const auth::Principal>;
  using Metrics = std::vector<std::string>;

  struct ViewerEntry {
    Sight sight;
    /// The newest of its subscriptions; the others follow by `next`.
    Place first = kNone;
    protocol::Codec codec = protocol::Codec::kJson;
  };
  struct Subscription {
    ViewerKey viewer = 0;
    /// One a line.
    std::string patterns;
    /// None: all.
    Rare<Metrics> metrics;
    Rare<boost::unordered_flat_set<protocol::DeviceKey>> catching_up;
    SubscriptionNumber number = 0;
    Place next = kNone;
    std::int32_t min_interval_ms = 0;
    std::uint8_t events = 0;
  };
  struct Remembered {
    std::uint64_t version = 0;
    std::vector<Audience> audiences;
  };
  /// Stands for an id or a prefix of a tenant: 128 bits, so that no two are taken for one.
  struct Name {
    std::uint64_t one = 0;
    std::uint64_t two = 0;
    friend bool operator==(const Name&, const Name&) = default;
  };
  struct NameHash {
    std::size_t operator()(const Name& name) const { return name.one; }
  };
  /// Who named it: mostly one.
  struct Named {
    Place one = kNone;
    std::unique_ptr<std::vector<Place>> others;
  };

  static ViewerKey key_of(Viewer viewer);
  static Viewer viewer_of(ViewerKey key);
  static bool may_see(const auth::Principal& who, std::string_view device,
                      protocol::EventBit event);
  Name name_of(std::string_view tenant, std::string_view text, bool is_prefix) const;
  Sight sight_of(const auth::Principal& principal);
  void release(const Sight& sight);
  const Subscription* find(Viewer viewer, SubscriptionNumber number) const;
  Subscription* find(Viewer viewer, SubscriptionNumber number);
  Place take_slot();
  void enter(const std::string& tenant, std::string_view pattern, Place place);
  void leave(const std::string& tenant, std::string_view pattern, Place place);
  void erase(const std::string& tenant, Place place);
  void add_named(const Name& name, std::vector<Place>& found) const;
  void match(std::string_view tenant, std::string_view device, std::vector<Place>& found) const;
  std::vector<Audience> gather(protocol::DeviceKey key, std::string_view tenant,
                               std::string_view device, protocol::EventBit event) const;

  boost::unordered_flat_map<ViewerKey, ViewerEntry> viewers_;
  boost::container::deque<Subscription, void,
                          boost::container::deque_options<boost::container::block_size<64>>::type>
      slots_;
  std::vector<Place> free_;
  boost::unordered_flat_map<Name, Named, NameHash> named_;
  /// Of principals that may see all devices, by tenant and scopes.
  std::map<std::pair<std::string, std::string>, Sight> sights_;
  /// How many prefixes of each length there are, so that only those lengths are looked up.
  std::array<std::uint32_t, protocol::kMaxDeviceIdLength + 1> prefix_lengths_{};
  std::uint64_t version_ = 1;
  std::vector<std::unique_ptr<Remembered>> remembered_;
  std::vector<Audience> scratch_;
  mutable std::string name_;
};

/// Being told an event, as the table of permissions knows it.
auth::Operation operation_of(protocol::EventBit event);
/// The events that a principal may see.
std::uint8_t permitted_events(const auth::Principal& principal);

}  // namespace fairlead::hub
