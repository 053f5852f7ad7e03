#include "hub/subscriptions.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "hub/fleet_view.h"

namespace fairlead::hub {
namespace {

std::uint64_t key_of(Viewer viewer) {
  // 256 shards and 2^56 connections each are beyond what a process sees.
  return (static_cast<std::uint64_t>(viewer.shard) << 56) | viewer.session;
}

void unite(std::optional<std::vector<std::string>>& metrics,
           const std::optional<std::vector<std::string>>& more) {
  if (!metrics) return;
  if (!more) {
    metrics.reset();
    return;
  }
  std::vector<std::string> all;
  std::ranges::set_union(*metrics, *more, std::back_inserter(all));
  metrics = std::move(all);
}

}  // namespace

auth::Operation operation_of(protocol::EventBit event) {
  switch (event) {
    case protocol::EventBit::kTelemetry:
      return auth::Operation::kSeeTelemetry;
    case protocol::EventBit::kCommand:
      return auth::Operation::kSeeCommand;
    case protocol::EventBit::kPresence:
      return auth::Operation::kSeePresence;
    case protocol::EventBit::kStatus:
      return auth::Operation::kSeeStatus;
    case protocol::EventBit::kDevice:
      return auth::Operation::kSeeDevice;
  }
  FAIRLEAD_ASSERT(false);
  return auth::Operation::kSeeTelemetry;
}

std::uint8_t permitted_events(const auth::Principal& principal) {
  unsigned bits = 0;
  for (unsigned bit = 1; bit <= static_cast<unsigned>(protocol::EventBit::kCommand); bit <<= 1) {
    const auto event = static_cast<protocol::EventBit>(bit);
    if (auth::is_permitted(principal, operation_of(event))) bits |= bit;
  }
  return static_cast<std::uint8_t>(bits);
}

std::string Subscriptions::bucket_key(std::string_view tenant, std::string_view text) {
  std::string key;
  key.reserve(tenant.size() + 1 + text.size());
  key.append(tenant).push_back('\0');
  return key.append(text);
}

Subscriptions::ViewerEntry* Subscriptions::find(Viewer viewer) {
  const auto place = viewers_.find(key_of(viewer));
  return place == viewers_.end() ? nullptr : place->second.get();
}

const Subscriptions::ViewerEntry* Subscriptions::find(Viewer viewer) const {
  const auto place = viewers_.find(key_of(viewer));
  return place == viewers_.end() ? nullptr : place->second.get();
}

std::optional<Subscriptions::Place> Subscriptions::place_of(const ViewerEntry& entry,
                                                            SubscriptionNumber number) const {
  for (const Place place : entry.subscriptions) {
    if (subscriptions_.at(place)->number == number) return place;
  }
  return std::nullopt;
}

void Subscriptions::add(Viewer viewer, protocol::Codec codec, const auth::Principal& principal,
                        SubscriptionNumber number, Selection selection) {
  auto& entry = viewers_[key_of(viewer)];
  if (!entry) {
    entry = std::make_unique<ViewerEntry>(
        ViewerEntry{.viewer = viewer, .codec = codec, .principal = principal, .subscriptions = {}});
  }
  const Place place = next_place_++;
  for (const std::string& pattern : selection.patterns) enter(principal.tenant, pattern, place);
  entry->subscriptions.push_back(place);
  subscriptions_.emplace(
      place, std::make_unique<Subscription>(Subscription{.viewer = viewer,
                                                         .number = number,
                                                         .selection = std::move(selection),
                                                         .catching_up = {}}));
  ++version_;
}

void Subscriptions::enter(const std::string& tenant, const std::string& pattern, Place place) {
  if (!pattern.ends_with('*')) {
    exact_[bucket_key(tenant, pattern)].push_back(place);
    return;
  }
  const std::string_view prefix = std::string_view(pattern).substr(0, pattern.size() - 1);
  prefixes_[bucket_key(tenant, prefix)].push_back(place);
  ++prefix_lengths_[prefix.size()];
}

void Subscriptions::leave(const std::string& tenant, const std::string& pattern, Place place) {
  const bool is_prefix = pattern.ends_with('*');
  Buckets& buckets = is_prefix ? prefixes_ : exact_;
  const std::string_view text = std::string_view(pattern).substr(0, pattern.size() - is_prefix);
  const auto bucket = buckets.find(bucket_key(tenant, text));
  if (bucket == buckets.end()) return;
  const auto entry = std::ranges::find(bucket->second, place);
  if (entry == bucket->second.end()) return;
  bucket->second.erase(entry);
  if (bucket->second.empty()) buckets.erase(bucket);
  if (is_prefix) --prefix_lengths_[text.size()];
}

void Subscriptions::erase(const std::string& tenant, Place place) {
  const auto subscription = subscriptions_.find(place);
  for (const std::string& pattern : subscription->second->selection.patterns) {
    leave(tenant, pattern, place);
  }
  subscriptions_.erase(subscription);
  ++version_;
}

void Subscriptions::remove(Viewer viewer, SubscriptionNumber number) {
  ViewerEntry* const entry = find(viewer);
  if (entry == nullptr) return;
  const auto place = place_of(*entry, number);
  if (!place) return;
  erase(entry->principal.tenant, *place);
  std::erase(entry->subscriptions, *place);
  if (entry->subscriptions.empty()) viewers_.erase(key_of(viewer));
}

void Subscriptions::remove_all(Viewer viewer) {
  ViewerEntry* const entry = find(viewer);
  if (entry == nullptr) return;
  for (const Place place : entry->subscriptions) erase(entry->principal.tenant, place);
  viewers_.erase(key_of(viewer));
}

void Subscriptions::set_principal(Viewer viewer, const auth::Principal& principal) {
  if (ViewerEntry* const entry = find(viewer)) entry->principal = principal;
  ++version_;
}

void Subscriptions::set_catching_up(Viewer viewer, SubscriptionNumber number,
                                    protocol::DeviceKey device, bool is_catching_up) {
  const ViewerEntry* const entry = find(viewer);
  const auto place = entry == nullptr ? std::nullopt : place_of(*entry, number);
  if (!place) return;
  auto& catching_up = subscriptions_.at(*place)->catching_up;
  if (is_catching_up) {
    catching_up.insert(device);
  } else {
    catching_up.erase(device);
  }
  ++version_;
}

const auth::Principal* Subscriptions::permitted(Viewer viewer, SubscriptionNumber number,
                                                std::string_view device,
                                                protocol::EventBit event) const {
  const ViewerEntry* const entry = find(viewer);
  if (entry == nullptr || !place_of(*entry, number)) return nullptr;
  const bool may_see = auth::is_permitted(entry->principal, operation_of(event)) &&
                       auth::may_touch(entry->principal, device);
  return may_see ? &entry->principal : nullptr;
}

const Selection* Subscriptions::selection(Viewer viewer, SubscriptionNumber number) const {
  const ViewerEntry* const entry = find(viewer);
  const auto place = entry == nullptr ? std::nullopt : place_of(*entry, number);
  return place ? &subscriptions_.at(*place)->selection : nullptr;
}

void Subscriptions::match(std::string_view tenant, std::string_view device,
                          std::vector<Place>& found) const {
  if (const auto exact = exact_.find(bucket_key(tenant, device)); exact != exact_.end()) {
    found = exact->second;
  }
  std::string key = bucket_key(tenant, "");
  const std::size_t begin = key.size();
  for (std::size_t length = 0; length <= device.size(); ++length) {
    if (length >= prefix_lengths_.size() || prefix_lengths_[length] == 0) continue;
    key.resize(begin);
    key.append(device.substr(0, length));
    if (const auto bucket = prefixes_.find(key); bucket != prefixes_.end()) {
      found.insert(found.end(), bucket->second.begin(), bucket->second.end());
    }
  }
  // One subscription may name a device twice.
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
}

std::vector<Audience> Subscriptions::gather(protocol::DeviceKey key, std::string_view tenant,
                                            std::string_view device,
                                            protocol::EventBit event) const {
  std::vector<Place> found;
  match(tenant, device, found);
  struct Merged {
    Recipient recipient;
    std::optional<std::vector<std::string>> metrics;
  };
  std::map<Viewer, Merged> merged;
  for (const Place place : found) {
    const Subscription& subscription = *subscriptions_.at(place);
    const Selection& selection = subscription.selection;
    if ((selection.events & static_cast<std::uint8_t>(event)) == 0) continue;
    if (permitted(subscription.viewer, subscription.number, device, event) == nullptr) continue;
    const bool is_telemetry = event == protocol::EventBit::kTelemetry;
    if (is_telemetry && subscription.catching_up.contains(key)) continue;
    const auto [entry, is_first] = merged.try_emplace(subscription.viewer);
    Merged& target = entry->second;
    target.recipient.session = subscription.viewer.session;
    target.recipient.subscriptions.push_back(subscription.number);
    if (is_first) {
      target.metrics = is_telemetry ? selection.metrics : std::nullopt;
      target.recipient.min_interval_ms = selection.min_interval_ms;
    } else {
      unite(target.metrics, selection.metrics);
      target.recipient.min_interval_ms =
          std::min(target.recipient.min_interval_ms, selection.min_interval_ms);
    }
  }
  using Words = std::tuple<std::size_t, protocol::Codec, std::optional<std::vector<std::string>>>;
  std::map<Words, std::vector<Recipient>> groups;
  for (auto& [viewer, target] : merged) {
    Words words{viewer.shard, find(viewer)->codec, std::move(target.metrics)};
    groups[std::move(words)].push_back(std::move(target.recipient));
  }
  std::vector<Audience> audiences;
  for (auto& [words, recipients] : groups) {
    const auto& [shard, codec, metrics] = words;
    const bool is_conflated = std::ranges::any_of(
        recipients, [](const Recipient& recipient) { return recipient.min_interval_ms > 0; });
    audiences.push_back(
        {.shard = shard,
         .codec = codec,
         .metrics = metrics,
         .is_conflated = is_conflated,
         .recipients = std::make_shared<const std::vector<Recipient>>(std::move(recipients))});
  }
  return audiences;
}

const std::vector<Audience>& Subscriptions::audience(protocol::DeviceRef ref,
                                                     protocol::DeviceKey key,
                                                     std::string_view tenant,
                                                     std::string_view device,
                                                     protocol::EventBit event) {
  if (event != protocol::EventBit::kTelemetry || subscriptions_.empty()) {
    scratch_.clear();
    if (!subscriptions_.empty()) scratch_ = gather(key, tenant, device, event);
    return scratch_;
  }
  if (ref >= remembered_.size()) remembered_.resize(ref + 1);
  auto& remembered = remembered_[ref];
  if (!remembered) remembered = std::make_unique<Remembered>();
  if (remembered->version != version_) {
    remembered->audiences = gather(key, tenant, device, event);
    remembered->version = version_;
  }
  return remembered->audiences;
}

std::vector<Viewer> Subscriptions::viewers_of(std::string_view tenant,
                                              const commands::FleetMembers& members) const {
  std::vector<Viewer> found;
  const auto is_chosen = [&](Place place) {
    const Selection& selection = subscriptions_.at(place)->selection;
    return (selection.events & static_cast<std::uint8_t>(protocol::EventBit::kCommand)) != 0 &&
           selects_one(selection.patterns, members);
  };
  for (const auto& [key, entry] : viewers_) {
    const auth::Principal& who = entry->principal;
    if (who.tenant != tenant || !auth::is_permitted(who, auth::Operation::kSeeCommand)) continue;
    if (!std::ranges::any_of(entry->subscriptions, is_chosen)) continue;
    if (may_touch_all(who, members)) found.push_back(entry->viewer);
  }
  return found;
}

void Subscriptions::forget(protocol::DeviceRef ref) {
  if (ref < remembered_.size()) remembered_[ref].reset();
}

}  // namespace fairlead::hub
