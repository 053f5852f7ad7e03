#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/connections.h"
#include "hub/encoder.h"
#include "hub/event.h"
#include "hub/peers.h"
#include "hub/subscriptions.h"
#include "protocol/device_ref.h"
#include "telemetry/sample.h"

namespace fairlead::hub {

/// A device of this shard, as events name it.
struct DeviceAddress {
  protocol::DeviceRef ref = 0;
  protocol::DeviceKey key = 0;
  std::string_view tenant;
  std::string_view id;
};

/// Turns what a device's home shard has stored into events: encoded once for each codec and choice
/// of metrics, shared by all who get it. Thread: the shard's.
class Delivery {
 public:
  Delivery(std::size_t here, Peers& peers, Subscriptions& subscriptions, Connections& connections,
           Encoder& encoder);

  void telemetry(const DeviceAddress& device, const telemetry::Sample& sample);
  /// `also`: a connection that is told whether it subscribed or not.
  void control(const DeviceAddress& device, protocol::EventBit event, std::string_view json,
               std::optional<Viewer> also = std::nullopt);
  /// Samples for one subscription, by rising offset. `is_replay` marks them as such.
  void samples(Viewer viewer, protocol::Codec codec, SubscriptionNumber subscription,
               const DeviceAddress& device, const std::optional<std::vector<std::string>>& metrics,
               const std::vector<telemetry::Sample>& samples, bool is_replay);

 private:
  /// Empty when nothing of the sample is wanted.
  std::string_view write_sample(const DeviceAddress& device, const telemetry::Sample& sample,
                                const std::optional<std::vector<std::string>>& metrics,
                                bool is_replay);
  void dispatch(std::size_t shard, const Event& event, std::span<const Recipient> recipients);

  const std::size_t here_;
  Peers& peers_;
  Subscriptions& subscriptions_;
  Connections& connections_;
  Encoder& encoder_;
  std::string json_;
};

}  // namespace fairlead::hub
