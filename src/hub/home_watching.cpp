#include <algorithm>
#include <utility>

#include "hub/home.h"
#include "protocol/json_writer.h"
#include "protocol/limits.h"
#include "protocol/names.h"

namespace fairlead::hub {
namespace {

std::string_view stem_of(std::string_view pattern) {
  return pattern.substr(0, pattern.size() - (protocol::is_prefix(pattern) ? 1 : 0));
}

/// What of a prefix a principal may touch: ids and prefixes, in their order, none within another.
/// So that a walk costs what it finds, not what is kept from it.
std::vector<std::string> within_reach(const auth::Principal& who, std::string_view prefix) {
  if (who.all_devices || !who.devices) {
    return who.all_devices ? std::vector{std::string(prefix)} : std::vector<std::string>();
  }
  std::vector<std::string> found;
  for (const std::string& allowed : *who.devices) {
    if (protocol::is_prefix(allowed) && stem_of(prefix).starts_with(stem_of(allowed))) {
      return {std::string(prefix)};
    }
    if (protocol::matches(prefix, stem_of(allowed))) found.push_back(allowed);
  }
  std::ranges::sort(found, [](const std::string& one, const std::string& other) {
    // Of the same stem the prefix comes first: the id is within it.
    return std::pair(stem_of(one), !protocol::is_prefix(one)) <
           std::pair(stem_of(other), !protocol::is_prefix(other));
  });
  std::vector<std::string> apart;
  for (std::string& pattern : found) {
    const bool is_within = !apart.empty() && (apart.back() == pattern ||
                                              protocol::matches(apart.back(), stem_of(pattern)));
    if (!is_within) apart.push_back(std::move(pattern));
  }
  return apart;
}

}  // namespace

template <typename Visit>
void Home::each_selected(const JoinRequest& request, std::string_view pattern,
                         Visit&& visit) const {
  const std::string& tenant = request.principal.tenant;
  if (!protocol::is_prefix(pattern)) {
    const auto ref = devices_.find(tenant, pattern);
    if (ref && auth::may_touch(request.principal, pattern)) visit(*ref);
    return;
  }
  bool goes_on = true;
  for (const std::string& part : within_reach(request.principal, pattern)) {
    if (!goes_on) return;
    if (!protocol::is_prefix(part)) {
      if (const auto ref = devices_.find(tenant, part)) goes_on = visit(*ref);
      continue;
    }
    devices_.each(tenant, stem_of(part), "",
                  [&](protocol::DeviceRef ref) { return goes_on = visit(ref); });
  }
}

SnapshotPart Home::join(JoinRequest request) {
  delivery_.flush();
  std::map<std::string, std::string> devices;
  SnapshotPart part;
  for (const std::string& pattern : request.selection.patterns) {
    add_to_snapshot(request, pattern, devices, part.is_truncated);
  }
  for (auto& [id, json] : devices) part.devices.emplace_back(id, std::move(json));
  std::vector<ReplayStart> starts = replay_starts(request);
  subscriptions_.add(request.viewer, request.codec, request.principal, request.number,
                     std::move(request.selection));
  catch_ups_.begin(request.viewer, request.codec, request.number, std::move(starts));
  return part;
}

void Home::add_to_snapshot(const JoinRequest& request, std::string_view pattern,
                           std::map<std::string, std::string>& devices, bool& is_truncated) const {
  std::size_t left = protocol::kMaxSnapshotDevices;
  each_selected(request, pattern, [&](protocol::DeviceRef ref) {
    const std::string& id = devices_.device(ref).id;
    if (devices.contains(id)) return true;
    if (left == 0 || devices.size() >= protocol::kMaxSnapshotDevices) {
      // The first of all patterns together count: what lies behind gives way.
      is_truncated = true;
      if (left == 0 || std::prev(devices.end())->first < id) return false;
      devices.erase(std::prev(devices.end()));
    }
    --left;
    devices.emplace(id, snapshot_json(request, ref));
    return true;
  });
}

std::string Home::snapshot_json(const JoinRequest& request, protocol::DeviceRef ref) const {
  const devices::Device& device = devices_.device(ref);
  const devices::Live now = live(ref);
  std::string json;
  protocol::JsonWriter writer(json);
  writer.begin_object().member("id", device.id).member("connected", now.is_connected);
  writer.member("last_seen", now.last_seen).member("status", device.about->status);
  writer.member("device_type", device.about->device_type)
      .member("offset", now.offset)
      .key("metrics");
  std::string metrics = "{}";
  if (request.principal.has(auth::Scope::kTelemetryRead)) {
    metrics.clear();
    const auto& names = request.selection.metrics;
    telemetry_.latest(ref).write_json(
        metrics, names ? std::span<const std::string>(*names) : std::span<const std::string>());
  }
  writer.raw(metrics).end_object();
  return json;
}

std::vector<ReplayStart> Home::replay_starts(const JoinRequest& request) const {
  std::map<std::string, ReplayStart, std::less<>> starts;
  const auto start = [&](protocol::DeviceRef ref) -> ReplayStart& {
    const DeviceAddress device = address(ref);
    ReplayStart& entry = starts[std::string(device.id)];
    entry.ref = ref;
    entry.key = device.key;
    entry.id = device.id;
    entry.tenant = device.tenant;
    return entry;
  };
  const auto& patterns = request.selection.patterns;
  if (request.since) {
    for (const std::string& pattern : patterns) {
      each_selected(request, pattern, [&](protocol::DeviceRef ref) {
        start(ref).since = *request.since;
        return true;
      });
    }
  }
  for (const auto& [id, offset] : request.after) {
    const bool is_selected = std::ranges::any_of(
        patterns, [&id](const std::string& pattern) { return protocol::matches(pattern, id); });
    const auto ref = find(request.principal, id);
    if (is_selected && ref) start(*ref).first_offset = offset + 1;
  }
  std::vector<ReplayStart> list;
  list.reserve(starts.size());
  for (auto& [id, entry] : starts) list.push_back(std::move(entry));
  return list;
}

void Home::leave(Viewer viewer, SubscriptionNumber number) {
  delivery_.flush();
  catch_ups_.end(viewer, number);
  subscriptions_.remove(viewer, number);
}

void Home::leave_all(Viewer viewer) {
  delivery_.flush();
  catch_ups_.end_all(viewer);
  subscriptions_.remove_all(viewer);
}

void Home::set_principal(Viewer viewer, const auth::Principal& principal) {
  delivery_.flush();
  subscriptions_.set_principal(viewer, principal);
}

}  // namespace fairlead::hub
