#include "hub/delivery.h"

#include <algorithm>
#include <utility>

#include "hub/shard.h"
#include "protocol/events.h"

namespace fairlead::hub {

Delivery::Delivery(std::size_t here, Peers& peers, Subscriptions& subscriptions,
                   Connections& connections, Encoder& encoder)
    : here_(here),
      peers_(peers),
      subscriptions_(subscriptions),
      connections_(connections),
      encoder_(encoder) {}

std::string_view Delivery::write_sample(const DeviceAddress& device,
                                        const telemetry::Sample& sample,
                                        const std::optional<std::vector<std::string>>& metrics,
                                        bool is_replay) {
  json_.clear();
  std::string trimmed;
  std::string_view kept = sample.metrics;
  if (metrics) {
    trimmed = protocol::trim_metrics(sample.metrics, *metrics);
    if (trimmed == "{}") return {};
    kept = trimmed;
  }
  protocol::write(json_, protocol::TelemetryEvent{.device = device.id,
                                                  .offset = sample.offset,
                                                  .ts = sample.ts,
                                                  .at = sample.at,
                                                  .metrics_json = kept,
                                                  .replay = is_replay});
  return json_;
}

void Delivery::telemetry(const DeviceAddress& device, const telemetry::Sample& sample) {
  const auto& audiences = subscriptions_.audience(device.ref, device.key, device.tenant, device.id,
                                                  protocol::EventBit::kTelemetry);
  for (const Audience& audience : audiences) {
    const std::string_view json = write_sample(device, sample, audience.metrics, false);
    if (json.empty()) continue;
    const Event event{.event_class = EventClass::kTelemetry,
                      .frame = encoder_.frame(audience.codec, json),
                      .device = device.key,
                      .at = sample.at};
    dispatch(audience.shard, event, audience.recipients);
  }
}

void Delivery::control(const DeviceAddress& device, protocol::EventBit event_bit,
                       std::string_view json, std::optional<Viewer> also) {
  const auto& audiences =
      subscriptions_.audience(device.ref, device.key, device.tenant, device.id, event_bit);
  for (const Audience& audience : audiences) {
    const auto is_also = [&](const Recipient& recipient) {
      return also && also->shard == audience.shard && also->session == recipient.session;
    };
    if (std::ranges::any_of(audience.recipients, is_also)) also.reset();
    dispatch(audience.shard,
             Event{.event_class = EventClass::kControl,
                   .frame = encoder_.frame(audience.codec, json),
                   .device = device.key},
             audience.recipients);
  }
  if (!also) return;
  if (also->shard == here_) {
    if (Session* const session = connections_.find(also->session)) session->tell_event(json);
    return;
  }
  peers_.post(also->shard, [session = also->session, text = std::string(json)](Shard& shard) {
    shard.tell_event(session, text);
  });
}

void Delivery::samples(Viewer viewer, protocol::Codec codec, SubscriptionNumber subscription,
                       const DeviceAddress& device,
                       const std::optional<std::vector<std::string>>& metrics,
                       const std::vector<telemetry::Sample>& samples, bool is_replay) {
  for (const telemetry::Sample& sample : samples) {
    const std::string_view json = write_sample(device, sample, metrics, is_replay);
    if (json.empty()) continue;
    Recipient recipient{.session = viewer.session, .subscriptions = {}, .min_interval_ms = 0};
    recipient.subscriptions.push_back(subscription);
    dispatch(viewer.shard,
             Event{.event_class = EventClass::kReplay,
                   .frame = encoder_.frame(codec, json),
                   .device = device.key,
                   .at = sample.at},
             {&recipient, 1});
  }
}

void Delivery::dispatch(std::size_t shard, const Event& event,
                        std::span<const Recipient> recipients) {
  // What stays here is delivered at once, what goes elsewhere by mail: of one kind for each
  // connection, so that its events keep their order.
  if (shard == here_) {
    for (const Recipient& recipient : recipients) {
      if (Session* const session = connections_.find(recipient.session)) {
        session->deliver(event, recipient);
      }
    }
    return;
  }
  peers_.post(shard, [event, copy = std::vector(recipients.begin(), recipients.end())](
                         Shard& target) { target.deliver(event, copy); });
}

}  // namespace fairlead::hub
