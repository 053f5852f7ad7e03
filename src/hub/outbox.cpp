#include "hub/outbox.h"

#include <algorithm>

#include "protocol/events.h"

namespace fairlead::hub {

Outbox::Outbox(net::Transport& transport, std::size_t limit_bytes, Encoder& encoder,
               protocol::Codec codec)
    : transport_(transport), limit_bytes_(limit_bytes), encoder_(encoder), codec_(codec) {}

Outbox::Aside& Outbox::aside() {
  if (!aside_) aside_ = std::make_unique<Aside>();
  return *aside_;
}

bool Outbox::control(SharedFrame frame) {
  if (!fits(frame->wire().size(), limit_bytes_)) return false;
  transport_.send(std::move(frame));
  return true;
}

bool Outbox::control(const Encoded& message) {
  if (!fits(message.bytes.size(), limit_bytes_)) return false;
  transport_.send(message.kind, message.bytes);
  return true;
}

void Outbox::telemetry(const Event& event, const Recipient& recipient) {
  const std::size_t most = limit_bytes_ / telemetry_share_;
  const std::size_t bytes = event.frame->wire().size();
  // A burst within one turn is no slowness of the reader.
  if (!fits(bytes, most)) transport_.flush();
  if (fits(bytes, most)) {
    if (aside_) tell_losses(recipient);
    transport_.send(event.frame);
    return;
  }
  count_losses(event, recipient);
}

void Outbox::count_losses(const Event& event, const Recipient& recipient) {
  dropped_ += event.frame->messages();
  auto& losses = aside().losses;
  for (const SubscriptionNumber subscription : recipient.subscriptions) {
    auto loss =
        std::ranges::find(losses, subscription, &std::pair<SubscriptionNumber, Loss>::first);
    if (loss == losses.end()) {
      loss = losses.insert(losses.end(), {subscription, Loss{.dropped = 0, .since = event.at}});
    }
    loss->second.dropped += event.frame->messages();
  }
}

void Outbox::tell_losses(const Recipient& recipient) {
  auto& losses = aside().losses;
  if (losses.empty()) return;
  for (const SubscriptionNumber subscription : recipient.subscriptions) {
    const auto loss =
        std::ranges::find(losses, subscription, &std::pair<SubscriptionNumber, Loss>::first);
    if (loss == losses.end()) continue;
    std::string json;
    const std::string name = subscription_name(subscription);
    protocol::write(json, protocol::Lag{.subscription = name,
                                        .dropped = loss->second.dropped,
                                        .since = loss->second.since});
    losses.erase(loss);
    const Encoded message = encoder_.encode(codec_, json);
    transport_.send(message.kind, message.bytes);
  }
}

void Outbox::conflate(Event event, Recipient recipient, std::int64_t now_steady_ms) {
  Conflated& device = aside().conflated[event.device];
  if (now_steady_ms >= device.due_ms && !device.newest) {
    device.due_ms = now_steady_ms + recipient.min_interval_ms;
    telemetry(event, recipient);
    return;
  }
  device.due_ms = std::min(device.due_ms, now_steady_ms + recipient.min_interval_ms);
  aside_->kept_bytes -= device.bytes();
  device.newest.emplace(std::move(event), std::move(recipient));
  aside_->kept_bytes += device.bytes();
}

std::optional<std::int64_t> Outbox::flush_conflated(std::int64_t now_steady_ms) {
  if (!aside_) return std::nullopt;
  auto& conflated = aside_->conflated;
  std::optional<std::int64_t> next;
  for (auto place = conflated.begin(); place != conflated.end();) {
    Conflated& device = place->second;
    if (now_steady_ms >= device.due_ms) {
      if (!device.newest) {
        conflated.erase(place++);
        continue;
      }
      telemetry(device.newest->first, device.newest->second);
      device.due_ms = now_steady_ms + device.newest->second.min_interval_ms;
      aside_->kept_bytes -= device.bytes();
      device.newest.reset();
    }
    next = std::min(next.value_or(device.due_ms), device.due_ms);
    ++place;
  }
  return next;
}

void Outbox::forget(SubscriptionNumber subscription) {
  if (!aside_) return;
  std::erase_if(aside_->losses,
                [subscription](const auto& loss) { return loss.first == subscription; });
  for (auto& [key, device] : aside_->conflated) {
    if (!device.newest) continue;
    auto& wanted_by = device.newest->second.subscriptions;
    wanted_by.erase(std::remove(wanted_by.begin(), wanted_by.end(), subscription), wanted_by.end());
    if (!wanted_by.empty()) continue;
    aside_->kept_bytes -= device.bytes();
    device.newest.reset();
  }
}

}  // namespace fairlead::hub
