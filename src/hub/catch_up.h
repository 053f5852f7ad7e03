#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/delivery.h"
#include "hub/peers.h"
#include "hub/subscriptions.h"
#include "protocol/device_ref.h"
#include "protocol/parse.h"
#include "telemetry/repository.h"
#include "telemetry/service.h"

namespace fairlead::hub {

/// From where one device's stored samples are sent again.
struct ReplayStart {
  protocol::DeviceRef ref = 0;
  protocol::DeviceKey key = 0;
  /// Owned here: the device may go while it is read.
  std::string id;
  std::string tenant;
  /// The first offset; nullopt: to be found from `since`.
  std::optional<std::int64_t> first_offset;
  std::int64_t since = 0;
};

/// Sends stored samples to subscriptions that asked for them, and lets each go over to live without
/// a gap or a repetition. A reader that is behind reads again from the store: nothing waits in
/// memory but the few samples that arrive during the last read. One connection at a time gets one
/// bounded piece, and the next when it has room. Thread: the shard's.
class CatchUps {
 public:
  CatchUps(telemetry::Repository& repository, telemetry::Service& telemetry,
           Subscriptions& subscriptions, Delivery& delivery, Peers& peers, std::size_t here);
  ~CatchUps();
  CatchUps(const CatchUps&) = delete;
  CatchUps& operator=(const CatchUps&) = delete;

  /// The subscription was just added; live samples of these devices are kept from it until done.
  void begin(Viewer viewer, protocol::Codec codec, SubscriptionNumber subscription,
             std::vector<ReplayStart> devices);
  void end(Viewer viewer, SubscriptionNumber subscription);
  void end_all(Viewer viewer);
  /// The viewer's connection has room for the next piece.
  void has_room(Viewer viewer, SubscriptionNumber subscription);
  /// Reads again what the store could not read. To be called about once a second.
  void retry();
  /// A sample was stored and told to those who are live.
  void sample_stored(protocol::DeviceKey device, const telemetry::SampleView& sample);

  std::size_t size() const { return running_.size(); }

 private:
  struct Running;
  using Id = std::uint64_t;
  using Name = std::pair<Viewer, SubscriptionNumber>;

  Running* find(Id id);
  /// Begins the next read; devices that need none go over to live at once.
  void proceed(Id id);
  /// False when nothing of the front is left to be sent again.
  bool begin_read(Running& running);
  void find_first(const Running& asking);
  void take(Id id, Result<telemetry::Page> page);
  void send(Running& running, const std::vector<telemetry::Sample>& samples);
  void finish_device(Running& running);
  void ask_for_room(const Running& running);
  void drop(Id id);

  telemetry::Repository& repository_;
  telemetry::Service& telemetry_;
  Subscriptions& subscriptions_;
  Delivery& delivery_;
  Peers& peers_;
  const std::size_t here_;
  Id last_id_ = 0;
  std::map<Id, std::unique_ptr<Running>> running_;
  std::map<Name, Id> by_name_;
  /// Whose last read is under way, by device.
  std::multimap<protocol::DeviceKey, Id> listening_;
  std::vector<Id> unread_;
};

}  // namespace fairlead::hub
