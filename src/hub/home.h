#pragma once

#include <boost/container/deque.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/principal.h"
#include "base/clock.h"
#include "base/completion.h"
#include "base/random.h"
#include "commands/service.h"
#include "devices/service.h"
#include "hub/catch_up.h"
#include "hub/connections.h"
#include "hub/delivery.h"
#include "hub/peers.h"
#include "hub/session.h"
#include "hub/settings.h"
#include "hub/subscriptions.h"
#include "hub/takeovers.h"
#include "protocol/events.h"
#include "protocol/requests.h"
#include "telemetry/service.h"

namespace fairlead::hub {

/// Where a shard's devices become durable.
struct Repositories {
  telemetry::Repository& telemetry;
  devices::Repository& devices;
  commands::Repository& commands;
};

/// What one home shard answers to a subscription.
struct SnapshotPart {
  /// Device id and its JSON, by id; at most kMaxSnapshotDevices.
  std::vector<std::pair<std::string, std::string>> devices;
  bool is_truncated = false;
};

/// What a subscription asks of a home shard.
struct JoinRequest {
  Viewer viewer;
  protocol::Codec codec = protocol::Codec::kJson;
  auth::Principal principal;
  SubscriptionNumber number = 0;
  Selection selection;
  std::vector<std::pair<std::string, std::int64_t>> after;
  std::optional<std::int64_t> since;
};

/// The devices at home on one shard: their state, their connections, who watches them. Everything
/// about a device happens here, in one order. Thread: the shard's.
class Home final : private devices::EventSink,
                   private telemetry::EventSink,
                   private commands::EventSink,
                   private commands::DeviceLink {
 public:
  Home(std::size_t here, const Settings& settings, Repositories repositories, Peers& peers,
       Connections& connections, Encoder& encoder, const Clock& clock, Random& random,
       devices::KeySeries keys);

  /// At start.
  void restore(devices::Device device, telemetry::Progress progress, telemetry::Latest latest);
  void restore(const commands::Command& command);

  // Connections of devices.
  /// Why the device may not connect now: disabled, replaced too often.
  Result<void> may_connect(const std::string& tenant, const std::string& device);
  /// Stores the beginning, then opens the session with `welcome`, or ends it.
  void begin(Session& session);
  /// The session has an end; the place goes to nobody else meanwhile.
  void end(Session& session);
  /// Stores `last_seen` of those connected for a while; tries again what the store refused.
  void once_a_second();

  /// At the end of a turn: tells the samples that wait to be told together, and has those stored
  /// that were admitted.
  void flush() {
    delivery_.flush();
    telemetry_.flush();
  }

  // Watching.
  SnapshotPart join(JoinRequest request);
  void leave(Viewer viewer, SubscriptionNumber number);
  void leave_all(Viewer viewer);
  void set_principal(Viewer viewer, const auth::Principal& principal);
  void has_room(Viewer viewer, SubscriptionNumber number) { catch_ups_.has_room(viewer, number); }

  /// What the device has sent; null where devices have no limit.
  Meter* meter(protocol::DeviceRef ref);
  /// Takes one message that comes for the device by HTTP; kRateLimited when it is too many.
  Result<void> charge(protocol::DeviceRef ref, std::size_t bytes);

  /// Where a stored device that the principal may touch stands; kNotFound otherwise.
  Result<protocol::DeviceRef> find(const auth::Principal& principal, std::string_view id) const;
  /// The same for an entry that may still have to be made.
  Result<protocol::DeviceRef> find_or_add(const std::string& tenant, const std::string& id);
  /// Whether the commands that an entry declares can be checked; kInvalid names what cannot. What
  /// the device has declared already is not looked at again.
  Result<void> check_declared(std::optional<protocol::DeviceRef> known,
                              const protocol::DeviceRegister& request) const;
  /// Ends the device's connection and deletes it. In this order: a sample that came behind the
  /// deletion would belong to nobody.
  void remove(protocol::DeviceRef ref, Completion<void> done);
  /// The device object of section 9.
  std::string device_json(protocol::DeviceRef ref) const;
  DeviceAddress address(protocol::DeviceRef ref) const;
  bool is_connected(protocol::DeviceRef ref) const;
  std::size_t connected_count() const { return connected_; }

  devices::Service& devices() { return devices_; }
  const devices::Service& devices() const { return devices_; }
  telemetry::Service& telemetry() { return telemetry_; }
  commands::Service& commands() { return commands_; }
  const commands::Service& commands() const { return commands_; }
  const Subscriptions& subscriptions() const { return subscriptions_; }

 private:
  struct Seat {
    protocol::DeviceKey key = 0;
    /// The connection that is the device's; 0: none.
    SessionNumber session = 0;
  };

  /// What became of a connection before its beginning was stored.
  struct Ending {
    std::string reason;
    std::int64_t last_seen = 0;
  };

  // What the services tell.
  void entry_changed(protocol::DeviceRef ref, devices::Change change) override;
  void entry_deleted(protocol::DeviceRef ref) override;
  void entry_forgotten(protocol::DeviceRef ref) override;
  void status_changed(protocol::DeviceRef ref, std::int64_t at) override;
  void presence_changed(protocol::DeviceRef ref, const devices::Presence& presence) override;
  void sample_stored(protocol::DeviceRef ref, const telemetry::SampleView& sample) override;
  void command_changed(protocol::DeviceRef ref, const commands::Command& command,
                       const commands::Sender& sender, std::int64_t at, bool is_late) override;
  void command_gone(const commands::Command& command) override;
  void deliver(protocol::DeviceRef ref, const commands::Command& command) override;
  /// A part of a fleet: its owner hears of it.
  void tell_fleet(const commands::Command& command, commands::State state);

  Session* connection_of(protocol::DeviceRef ref) const;
  void stored_beginning(protocol::DeviceRef ref, protocol::DeviceKey key, SessionNumber number,
                        Result<std::int64_t> connected);
  void take_seat(Session& session, protocol::DeviceRef ref, std::int64_t number, bool is_counted);
  void welcome(Session& session, protocol::DeviceRef ref);
  /// `session` replaces `current`, or would. False when the device replaces itself too often; then
  /// everyone involved has been sent away.
  bool take_over(Session& session, Session* current, protocol::DeviceRef ref);
  void refuse_takeover(Session& session, std::int64_t retry_after_ms);
  void add_to_snapshot(const JoinRequest& request, std::string_view pattern,
                       std::map<std::string, std::string>& devices, bool& is_truncated) const;
  std::string snapshot_json(const JoinRequest& request, protocol::DeviceRef ref) const;
  std::vector<ReplayStart> replay_starts(const JoinRequest& request) const;
  template <typename Visit>
  void each_selected(const JoinRequest& request, std::string_view pattern, Visit&& visit) const;
  devices::Live live(protocol::DeviceRef ref) const;

  const std::size_t here_;
  const Settings& settings_;
  Peers& peers_;
  Connections& connections_;
  Encoder& encoder_;
  const Clock& clock_;
  Subscriptions subscriptions_;
  Delivery delivery_;
  devices::Service devices_;
  telemetry::Service telemetry_;
  commands::Service commands_;
  CatchUps catch_ups_;
  boost::container::deque<Seat, void,
                          boost::container::deque_options<boost::container::block_size<64>>::type>
      seats_;
  boost::unordered_flat_map<protocol::DeviceKey, Takeovers> takeovers_;
  struct Opening {
    /// It replaces one that was there when it came.
    bool is_takeover = false;
    std::optional<Ending> ended{};
  };
  /// Of devices that sent something, where they have a limit.
  boost::unordered_flat_map<protocol::DeviceKey, Meter> meters_;
  /// Connections whose beginning is being stored.
  boost::unordered_flat_map<SessionNumber, Opening> opening_;
  std::size_t connected_ = 0;
  /// Goes round the seats: whose `last_seen` is stored next.
  std::size_t next_touched_ = 0;
};

/// The first message of a connection whose principal is known; `resume` for devices.
std::string welcome_json(const Session& session, const Settings& settings, std::int64_t now_ms,
                         std::optional<protocol::Welcome::Resume> resume);

}  // namespace fairlead::hub
