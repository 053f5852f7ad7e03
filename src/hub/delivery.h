#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
/// of metrics, shared by all who get it. Consecutive samples of one device become one frame: they
/// wait until something else is told or flush() is called. Thread: the shard's.
class Delivery {
 public:
  Delivery(std::size_t here, Peers& peers, Subscriptions& subscriptions, Connections& connections,
           Encoder& encoder);

  void telemetry(const DeviceAddress& device, const telemetry::SampleView& sample);
  /// Tells the samples that wait. To be called at the end of a turn, and before anything whose
  /// place among the events matters: the subscriptions' changes do not reach what waits.
  void flush();
  /// `also`: a connection that is told whether it subscribed or not.
  void control(const DeviceAddress& device, protocol::EventBit event, std::string_view json,
               std::optional<Viewer> also = std::nullopt);
  /// Samples for one subscription, by rising offset. `is_replay` marks them as such.
  void samples(Viewer viewer, protocol::Codec codec, SubscriptionNumber subscription,
               const DeviceAddress& device, const std::optional<std::vector<std::string>>& metrics,
               const std::vector<telemetry::Sample>& samples, bool is_replay);

 private:
  /// Samples that wait for the end of their run, for one audience.
  struct Part {
    std::size_t shard = 0;
    protocol::Codec codec = protocol::Codec::kJson;
    Recipients recipients;
    /// Which part has the frame: another shard's audience hears the same words.
    std::size_t frame_of = 0;
    std::optional<FrameBuilder> frame;
    SharedFrame finished;
    std::int64_t first_at = 0;
  };

  void begin_run(const DeviceAddress& device, const std::vector<Audience>& audiences);
  /// Empty when nothing of the sample is wanted.
  std::string_view write_sample(const DeviceAddress& device, const telemetry::SampleView& sample,
                                const std::optional<std::vector<std::string>>& metrics,
                                bool is_replay);
  void dispatch(std::size_t shard, Event event, const Recipients& recipients);

  const std::size_t here_;
  Peers& peers_;
  Subscriptions& subscriptions_;
  Connections& connections_;
  Encoder& encoder_;
  std::string json_;

  /// The run: of which device, at which state of the subscriptions; one part an audience.
  protocol::DeviceKey run_device_ = 0;
  std::uint64_t run_version_ = 0;
  std::vector<Part> parts_;
  std::size_t parts_in_use_ = 0;
  bool is_full_ = false;
};

}  // namespace fairlead::hub
