#include "hub/subscriptions.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "hub/fleet_view.h"

namespace fairlead::hub {
namespace {

template <typename Visit>
void each_line(std::string_view text, Visit&& visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
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

Subscriptions::ViewerKey Subscriptions::key_of(Viewer viewer) {
  // 256 shards and 2^56 connections each are beyond what a process sees.
  return (static_cast<ViewerKey>(viewer.shard) << 56) | viewer.session;
}

Viewer Subscriptions::viewer_of(ViewerKey key) {
  return {.shard = static_cast<std::size_t>(key >> 56),
          .session = key & ((ViewerKey{1} << 56) - 1)};
}

bool Subscriptions::may_see(const auth::Principal& who, std::string_view device,
                            protocol::EventBit event) {
  return auth::is_permitted(who, operation_of(event)) && auth::may_touch(who, device);
}

/// Two hashes that have nothing in common. A client that finds a collision of both would be told of
/// devices that it might have asked for as well: tenant and permissions are looked at by
/// themselves.
Subscriptions::Name Subscriptions::name_of(std::string_view tenant, std::string_view text,
                                           bool is_prefix) const {
  name_.assign(tenant);
  name_.push_back(is_prefix ? '*' : '\0');
  name_.append(text);
  std::uint64_t fnv = 14695981039346656037ULL;
  for (const char c : name_) fnv = (fnv ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return {.one = std::hash<std::string>()(name_), .two = fnv};
}

Subscriptions::Sight Subscriptions::sight_of(const auth::Principal& principal) {
  auth::Principal seen{.kind = principal.kind,
                       .tenant = principal.tenant,
                       .scopes = principal.scopes,
                       .all_devices = principal.all_devices,
                       .devices = principal.devices};
  if (!principal.all_devices) return std::make_shared<const auth::Principal>(std::move(seen));
  auto& shared = sights_[{principal.tenant, principal.scopes.to_claim()}];
  if (!shared) shared = std::make_shared<const auth::Principal>(std::move(seen));
  return shared;
}

/// `sight` is the last of its connection; nobody keeps one that no connection has any more.
void Subscriptions::release(const Sight& sight) {
  const bool is_last = sight->all_devices && sight.use_count() == 2;
  if (is_last) sights_.erase({sight->tenant, sight->scopes.to_claim()});
}

const Subscriptions::Subscription* Subscriptions::find(Viewer viewer,
                                                       SubscriptionNumber number) const {
  const auto entry = viewers_.find(key_of(viewer));
  if (entry == viewers_.end()) return nullptr;
  for (Place place = entry->second.first; place != kNone; place = slots_[place].next) {
    if (slots_[place].number == number) return &slots_[place];
  }
  return nullptr;
}

Subscriptions::Subscription* Subscriptions::find(Viewer viewer, SubscriptionNumber number) {
  const auto entry = viewers_.find(key_of(viewer));
  if (entry == viewers_.end()) return nullptr;
  for (Place place = entry->second.first; place != kNone; place = slots_[place].next) {
    if (slots_[place].number == number) return &slots_[place];
  }
  return nullptr;
}

Subscriptions::Place Subscriptions::take_slot() {
  if (free_.empty()) {
    slots_.emplace_back();
    return static_cast<Place>(slots_.size() - 1);
  }
  const Place place = free_.back();
  free_.pop_back();
  return place;
}

void Subscriptions::add(Viewer viewer, protocol::Codec codec, const auth::Principal& principal,
                        SubscriptionNumber number, Selection selection) {
  ViewerEntry& entry = viewers_[key_of(viewer)];
  if (!entry.sight) {
    entry.sight = sight_of(principal);
    entry.codec = codec;
  }
  const Place place = take_slot();
  Subscription& added = slots_[place];
  for (const std::string& pattern : selection.patterns) {
    enter(principal.tenant, pattern, place);
    if (!added.patterns.empty()) added.patterns.push_back('\n');
    added.patterns += pattern;
  }
  added.patterns.shrink_to_fit();
  added.viewer = key_of(viewer);
  if (selection.metrics) added.metrics = std::move(*selection.metrics);
  added.number = number;
  added.next = std::exchange(entry.first, place);
  added.min_interval_ms = static_cast<std::int32_t>(selection.min_interval_ms);
  added.events = selection.events;
  ++version_;
}

void Subscriptions::enter(const std::string& tenant, std::string_view pattern, Place place) {
  const bool is_prefix = pattern.ends_with('*');
  pattern.remove_suffix(is_prefix ? 1 : 0);
  if (is_prefix) ++prefix_lengths_[pattern.size()];
  Named& named = named_[name_of(tenant, pattern, is_prefix)];
  if (named.one == kNone) {
    named.one = place;
  } else {
    if (!named.others) named.others = std::make_unique<std::vector<Place>>();
    named.others->push_back(place);
  }
}

void Subscriptions::leave(const std::string& tenant, std::string_view pattern, Place place) {
  const bool is_prefix = pattern.ends_with('*');
  pattern.remove_suffix(is_prefix ? 1 : 0);
  if (is_prefix) --prefix_lengths_[pattern.size()];
  const auto found = named_.find(name_of(tenant, pattern, is_prefix));
  Named& named = found->second;
  if (named.others) {
    auto& others = *named.others;
    if (named.one != place) {
      *std::ranges::find(others, place) = others.back();
    } else {
      named.one = others.back();
    }
    others.pop_back();
    if (others.empty()) named.others.reset();
  } else {
    named_.erase(found);
  }
}

void Subscriptions::erase(const std::string& tenant, Place place) {
  each_line(slots_[place].patterns,
            [&](std::string_view pattern) { leave(tenant, pattern, place); });
  slots_[place] = {};
  free_.push_back(place);
  ++version_;
}

void Subscriptions::remove(Viewer viewer, SubscriptionNumber number) {
  const auto entry = viewers_.find(key_of(viewer));
  if (entry == viewers_.end()) return;
  Place* link = &entry->second.first;
  while (*link != kNone && slots_[*link].number != number) link = &slots_[*link].next;
  if (*link == kNone) return;
  const Place place = std::exchange(*link, slots_[*link].next);
  erase(entry->second.sight->tenant, place);
  if (entry->second.first != kNone) return;
  release(entry->second.sight);
  viewers_.erase(entry);
}

void Subscriptions::remove_all(Viewer viewer) {
  const auto entry = viewers_.find(key_of(viewer));
  if (entry == viewers_.end()) return;
  const Sight sight = std::move(entry->second.sight);
  Place place = entry->second.first;
  viewers_.erase(entry);
  while (place != kNone) erase(sight->tenant, std::exchange(place, slots_[place].next));
  release(sight);
}

void Subscriptions::set_principal(Viewer viewer, const auth::Principal& principal) {
  const auto entry = viewers_.find(key_of(viewer));
  if (entry != viewers_.end()) {
    const Sight before = std::exchange(entry->second.sight, sight_of(principal));
    if (before != entry->second.sight) release(before);
  }
  ++version_;
}

void Subscriptions::set_catching_up(Viewer viewer, SubscriptionNumber number,
                                    protocol::DeviceKey device, bool is_catching_up) {
  Subscription* const subscription = find(viewer, number);
  if (subscription == nullptr) return;
  auto& catching_up = subscription->catching_up;
  if (is_catching_up) {
    if (!catching_up) catching_up = boost::unordered_flat_set<protocol::DeviceKey>();
    catching_up->insert(device);
  } else if (catching_up) {
    catching_up->erase(device);
    if (catching_up->empty()) catching_up.reset();
  }
  ++version_;
}

bool Subscriptions::permitted(Viewer viewer, SubscriptionNumber number, std::string_view device,
                              protocol::EventBit event) const {
  return find(viewer, number) != nullptr &&
         may_see(*viewers_.at(key_of(viewer)).sight, device, event);
}

std::optional<std::vector<std::string>> Subscriptions::metrics(Viewer viewer,
                                                               SubscriptionNumber number) const {
  const Subscription* const subscription = find(viewer, number);
  if (subscription == nullptr || !subscription->metrics) return std::nullopt;
  return *subscription->metrics;
}

void Subscriptions::add_named(const Name& name, std::vector<Place>& found) const {
  const auto named = named_.find(name);
  if (named == named_.end()) return;
  found.push_back(named->second.one);
  if (const auto& others = named->second.others) {
    found.insert(found.end(), others->begin(), others->end());
  }
}

void Subscriptions::match(std::string_view tenant, std::string_view device,
                          std::vector<Place>& found) const {
  add_named(name_of(tenant, device, false), found);
  for (std::size_t length = 0; length <= device.size(); ++length) {
    if (length >= prefix_lengths_.size() || prefix_lengths_[length] == 0) continue;
    add_named(name_of(tenant, device.substr(0, length), true), found);
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
    std::optional<Metrics> metrics;
  };
  std::map<ViewerKey, Merged> merged;
  const bool is_telemetry = event == protocol::EventBit::kTelemetry;
  for (const Place place : found) {
    const Subscription& subscription = slots_[place];
    if ((subscription.events & static_cast<std::uint8_t>(event)) == 0) continue;
    const auth::Principal& who = *viewers_.at(subscription.viewer).sight;
    if (who.tenant != tenant || !may_see(who, device, event)) continue;
    if (is_telemetry && subscription.catching_up && subscription.catching_up->contains(key)) {
      continue;
    }
    const auto [entry, is_first] = merged.try_emplace(subscription.viewer);
    Merged& target = entry->second;
    target.recipient.session = viewer_of(subscription.viewer).session;
    target.recipient.subscriptions.push_back(subscription.number);
    std::optional<Metrics> metrics;
    if (is_telemetry && subscription.metrics) metrics = *subscription.metrics;
    if (is_first) {
      target.metrics = std::move(metrics);
      target.recipient.min_interval_ms = subscription.min_interval_ms;
    } else {
      unite(target.metrics, metrics);
      target.recipient.min_interval_ms =
          std::min<std::int64_t>(target.recipient.min_interval_ms, subscription.min_interval_ms);
    }
  }
  using Words = std::tuple<std::size_t, protocol::Codec, std::optional<std::vector<std::string>>>;
  std::map<Words, std::vector<Recipient>> groups;
  for (auto& [viewer, target] : merged) {
    Words words{viewer_of(viewer).shard, viewers_.at(viewer).codec, std::move(target.metrics)};
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
  if (event != protocol::EventBit::kTelemetry || size() == 0) {
    scratch_.clear();
    if (size() > 0) scratch_ = gather(key, tenant, device, event);
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
  const auto is_chosen = [&](const Subscription& subscription) {
    if ((subscription.events & static_cast<std::uint8_t>(protocol::EventBit::kCommand)) == 0) {
      return false;
    }
    std::vector<std::string> patterns;
    each_line(subscription.patterns,
              [&patterns](std::string_view pattern) { patterns.emplace_back(pattern); });
    return selects_one(patterns, members);
  };
  for (const auto& [key, entry] : viewers_) {
    const auth::Principal& who = *entry.sight;
    if (who.tenant != tenant || !auth::is_permitted(who, auth::Operation::kSeeCommand)) continue;
    bool has_chosen = false;
    for (Place place = entry.first; place != kNone && !has_chosen; place = slots_[place].next) {
      has_chosen = is_chosen(slots_[place]);
    }
    if (has_chosen && may_touch_all(who, members)) found.push_back(viewer_of(key));
  }
  return found;
}

void Subscriptions::forget(protocol::DeviceRef ref) {
  if (ref < remembered_.size()) remembered_[ref].reset();
}

}  // namespace fairlead::hub
