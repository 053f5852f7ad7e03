#include "hub/delivery.h"

#include <algorithm>
#include <utility>

#include "hub/shard.h"
#include "protocol/events.h"

namespace fairlead::hub {
namespace {

/// Samples in one frame: a reader that is behind loses all of it or nothing.
constexpr std::uint32_t kMaxRun = 64;
constexpr std::size_t kMaxRunBytes = 12 * 1024;

}  // namespace

Delivery::Delivery(std::size_t here, Peers& peers, Subscriptions& subscriptions,
                   Connections& connections, Encoder& encoder)
    : here_(here),
      peers_(peers),
      subscriptions_(subscriptions),
      connections_(connections),
      encoder_(encoder) {}

std::string_view Delivery::write_sample(const DeviceAddress& device,
                                        const telemetry::SampleView& sample,
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

void Delivery::telemetry(const DeviceAddress& device, const telemetry::SampleView& sample) {
  if (device.key != run_device_ || subscriptions_.version() != run_version_ || is_full_) flush();
  const auto& audiences = subscriptions_.audience(device.ref, device.key, device.tenant, device.id,
                                                  protocol::EventBit::kTelemetry);
  if (audiences.empty()) return;
  if (parts_in_use_ == 0) begin_run(device, audiences);
  for (std::size_t i = 0; i < parts_in_use_; ++i) {
    Part& part = parts_[i];
    is_full_ = is_full_ || audiences[i].is_conflated;
    if (part.frame_of != i) continue;
    const std::string_view json = write_sample(device, sample, audiences[i].metrics, false);
    if (json.empty()) continue;
    if (!part.frame) {
      part.frame.emplace(encoder_.begin_frame());
      part.first_at = sample.at;
    }
    encoder_.add(*part.frame, part.codec, json);
    is_full_ = is_full_ || part.frame->messages() >= kMaxRun || part.frame->bytes() >= kMaxRunBytes;
  }
}

void Delivery::begin_run(const DeviceAddress& device, const std::vector<Audience>& audiences) {
  run_device_ = device.key;
  run_version_ = subscriptions_.version();
  parts_in_use_ = audiences.size();
  if (parts_.size() < parts_in_use_) parts_.resize(parts_in_use_);
  for (std::size_t i = 0; i < parts_in_use_; ++i) {
    parts_[i].shard = audiences[i].shard;
    parts_[i].codec = audiences[i].codec;
    parts_[i].recipients = audiences[i].recipients;
    const auto same = std::ranges::find_if(audiences, [&](const Audience& audience) {
      return audience.codec == audiences[i].codec && audience.metrics == audiences[i].metrics;
    });
    parts_[i].frame_of = static_cast<std::size_t>(same - audiences.begin());
  }
}

void Delivery::flush() {
  const std::size_t count = std::exchange(parts_in_use_, 0);
  is_full_ = false;
  for (std::size_t i = 0; i < count; ++i) {
    Part& part = parts_[i];
    const Recipients recipients = std::move(part.recipients);
    if (part.frame) part.finished = std::move(*part.frame).finish();
    part.frame.reset();
    // The first of those that share a frame comes first, so it is finished by now.
    const Part& with_frame = parts_[part.frame_of];
    if (!with_frame.finished) continue;
    dispatch(part.shard,
             {.event_class = EventClass::kTelemetry,
              .frame = with_frame.finished,
              .device = run_device_,
              .at = with_frame.first_at},
             recipients);
  }
  for (std::size_t i = 0; i < count; ++i) parts_[i].finished.reset();
}

void Delivery::control(const DeviceAddress& device, protocol::EventBit event_bit,
                       std::string_view json, std::optional<Viewer> also) {
  flush();
  const auto& audiences =
      subscriptions_.audience(device.ref, device.key, device.tenant, device.id, event_bit);
  for (const Audience& audience : audiences) {
    const auto is_also = [&](const Recipient& recipient) {
      return also && also->shard == audience.shard && also->session == recipient.session;
    };
    if (std::ranges::any_of(*audience.recipients, is_also)) also.reset();
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
  flush();
  Recipient recipient{.session = viewer.session, .subscriptions = {}, .min_interval_ms = 0};
  recipient.subscriptions.push_back(subscription);
  const auto recipients =
      std::make_shared<const std::vector<Recipient>>(std::vector{std::move(recipient)});
  for (const telemetry::Sample& sample : samples) {
    const std::string_view json = write_sample(device, telemetry::view(sample), metrics, is_replay);
    if (json.empty()) continue;
    dispatch(viewer.shard,
             Event{.event_class = EventClass::kReplay,
                   .frame = encoder_.frame(codec, json),
                   .device = device.key,
                   .at = sample.at},
             recipients);
  }
}

void Delivery::dispatch(std::size_t shard, Event event, const Recipients& recipients) {
  // What stays here is delivered at once, what goes elsewhere by mail: of one kind for each
  // connection, so that its events keep their order.
  if (shard == here_) {
    for (const Recipient& recipient : *recipients) {
      if (Session* const session = connections_.find(recipient.session)) {
        session->deliver(event, recipient);
      }
    }
    return;
  }
  peers_.deliver(shard, std::move(event), recipients);
}

}  // namespace fairlead::hub
