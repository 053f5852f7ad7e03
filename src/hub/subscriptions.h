#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/permissions.h"
#include "auth/principal.h"
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
/// changes. Thread: the shard's.
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
  /// The viewer's principal, when the subscription still stands and may see this device's event.
  const auth::Principal* permitted(Viewer viewer, SubscriptionNumber number,
                                   std::string_view device, protocol::EventBit event) const;
  const Selection* selection(Viewer viewer, SubscriptionNumber number) const;

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

  std::size_t size() const { return subscriptions_.size(); }

 private:
  using Place = std::uint32_t;
  struct ViewerEntry {
    Viewer viewer;
    protocol::Codec codec = protocol::Codec::kJson;
    auth::Principal principal;
    std::vector<Place> subscriptions;
  };
  struct Subscription {
    Viewer viewer;
    SubscriptionNumber number = 0;
    Selection selection;
    boost::unordered_flat_set<protocol::DeviceKey> catching_up;
  };
  struct Remembered {
    std::uint64_t version = 0;
    std::vector<Audience> audiences;
  };
  using Buckets = boost::unordered_flat_map<std::string, std::vector<Place>>;

  static std::string bucket_key(std::string_view tenant, std::string_view text);
  ViewerEntry* find(Viewer viewer);
  const ViewerEntry* find(Viewer viewer) const;
  std::optional<Place> place_of(const ViewerEntry& entry, SubscriptionNumber number) const;
  void enter(const std::string& tenant, const std::string& pattern, Place place);
  void leave(const std::string& tenant, const std::string& pattern, Place place);
  void erase(const std::string& tenant, Place place);
  void match(std::string_view tenant, std::string_view device, std::vector<Place>& found) const;
  std::vector<Audience> gather(protocol::DeviceKey key, std::string_view tenant,
                               std::string_view device, protocol::EventBit event) const;

  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<ViewerEntry>> viewers_;
  boost::unordered_flat_map<Place, std::unique_ptr<Subscription>> subscriptions_;
  Place next_place_ = 1;
  Buckets exact_;
  Buckets prefixes_;
  /// How many prefixes of each length there are, so that only those lengths are looked up.
  std::array<std::uint32_t, protocol::kMaxDeviceIdLength + 1> prefix_lengths_{};
  std::uint64_t version_ = 1;
  std::vector<std::unique_ptr<Remembered>> remembered_;
  std::vector<Audience> scratch_;
};

/// Being told an event, as the table of permissions knows it.
auth::Operation operation_of(protocol::EventBit event);
/// The events that a principal may see.
std::uint8_t permitted_events(const auth::Principal& principal);

}  // namespace fairlead::hub
