#include "hub/catch_up.h"

#include <algorithm>
#include <utility>

#include "hub/shard.h"

namespace fairlead::hub {
namespace {

constexpr std::size_t kPieceSamples = 256;
/// Live samples that may wait for the end of a read; beyond, the store is read again.
constexpr std::size_t kMaxWaiting = 256;

}  // namespace

struct CatchUps::Running {
  Id id = 0;
  Viewer viewer;
  protocol::Codec codec = protocol::Codec::kJson;
  SubscriptionNumber subscription = 0;
  /// The front is being sent.
  std::deque<ReplayStart> devices;
  /// Whether the front's first offset is known.
  bool is_begun = false;
  /// Of the front: the next offset to send, and up to where samples count as replayed.
  std::int64_t next_offset = 0;
  std::int64_t replay_until = 0;
  /// Live samples since the read began; nullopt: too many.
  std::optional<std::vector<telemetry::Sample>> waiting;
  /// Of the front: everything up to here is covered by the read under way.
  std::int64_t told_at_read = 0;
};

CatchUps::CatchUps(telemetry::Repository& repository, telemetry::Service& telemetry,
                   Subscriptions& subscriptions, Delivery& delivery, Peers& peers, std::size_t here)
    : repository_(repository),
      telemetry_(telemetry),
      subscriptions_(subscriptions),
      delivery_(delivery),
      peers_(peers),
      here_(here) {}

CatchUps::~CatchUps() = default;

CatchUps::Running* CatchUps::find(Id id) {
  const auto place = running_.find(id);
  return place == running_.end() ? nullptr : place->second.get();
}

void CatchUps::begin(Viewer viewer, protocol::Codec codec, SubscriptionNumber subscription,
                     std::vector<ReplayStart> devices) {
  if (devices.empty()) return;
  auto running = std::make_unique<Running>();
  const Id id = ++last_id_;
  running->id = id;
  running->viewer = viewer;
  running->codec = codec;
  running->subscription = subscription;
  for (ReplayStart& device : devices) {
    subscriptions_.set_catching_up(viewer, subscription, device.key, true);
    running->devices.push_back(std::move(device));
  }
  running_.emplace(id, std::move(running));
  by_name_.emplace(Name(viewer, subscription), id);
  proceed(id);
}

void CatchUps::proceed(Id id) {
  Running& running = *find(id);
  while (!running.devices.empty()) {
    if (begin_read(running)) return;
    finish_device(running);
  }
  drop(id);
}

bool CatchUps::begin_read(Running& running) {
  const ReplayStart& device = running.devices.front();
  if (!telemetry_.holds(device.ref, device.key)) return false;
  const std::int64_t told = telemetry_.progress(device.ref).offset;
  if (!running.is_begun) {
    running.replay_until = told;
    if (!device.first_offset) {
      find_first(running);
      return true;
    }
    running.is_begun = true;
    running.next_offset = *device.first_offset;
  }
  if (running.next_offset > told) return false;
  running.told_at_read = told;
  running.waiting.emplace();
  listening_.emplace(device.key, running.id);
  repository_.read_from(
      device.key, running.next_offset, kPieceSamples,
      [this, id = running.id](Result<telemetry::Page> page) { take(id, std::move(page)); });
  return true;
}

void CatchUps::find_first(const Running& asking) {
  const ReplayStart& device = asking.devices.front();
  repository_.first_since(device.key, device.since,
                          [this, id = asking.id](Result<std::int64_t> first) {
                            Running* const running = find(id);
                            if (running == nullptr) return;
                            // Nothing that late is stored, or the store cannot say: then all that
                            // is left is live.
                            const std::int64_t none = running->replay_until + 1;
                            running->next_offset = first && *first > 0 ? *first : none;
                            running->is_begun = true;
                            proceed(id);
                          });
}

void CatchUps::take(Id id, Result<telemetry::Page> page) {
  Running* const running = find(id);
  if (running == nullptr) return;
  const ReplayStart& device = running->devices.front();
  const auto [first, last] = listening_.equal_range(device.key);
  const auto mine =
      std::find_if(first, last, [id](const auto& entry) { return entry.second == id; });
  if (mine != last) listening_.erase(mine);
  auto waiting = std::exchange(running->waiting, std::nullopt);
  if (!page) {
    // The store cannot read just now.
    unread_.push_back(id);
    return;
  }
  // A read may see what is committed and not yet told here: that is still to come, as live.
  const bool is_there = telemetry_.holds(device.ref, device.key);
  const std::int64_t told = is_there ? telemetry_.progress(device.ref).offset : 0;
  std::erase_if(page->samples,
                [told](const telemetry::Sample& sample) { return sample.offset > told; });
  send(*running, page->samples);
  const bool is_whole = !page->has_more && running->next_offset > running->told_at_read;
  if (is_whole && waiting) {
    std::erase_if(*waiting, [running](const telemetry::Sample& sample) {
      return sample.offset < running->next_offset;
    });
    send(*running, *waiting);
    finish_device(*running);
  }
  ask_for_room(*running);
}

void CatchUps::send(Running& running, const std::vector<telemetry::Sample>& samples) {
  if (samples.empty()) return;
  const ReplayStart& device = running.devices.front();
  const bool may_see = subscriptions_.permitted(running.viewer, running.subscription, device.id,
                                                protocol::EventBit::kTelemetry);
  if (may_see) {
    const auto metrics = subscriptions_.metrics(running.viewer, running.subscription);
    const auto first_live = std::ranges::find_if(samples, [&](const telemetry::Sample& sample) {
      return sample.offset > running.replay_until;
    });
    const DeviceAddress address{
        .ref = device.ref, .key = device.key, .tenant = device.tenant, .id = device.id};
    delivery_.samples(running.viewer, running.codec, running.subscription, address, metrics,
                      {samples.begin(), first_live}, true);
    delivery_.samples(running.viewer, running.codec, running.subscription, address, metrics,
                      {first_live, samples.end()}, false);
  }
  running.next_offset = samples.back().offset + 1;
}

void CatchUps::finish_device(Running& running) {
  subscriptions_.set_catching_up(running.viewer, running.subscription, running.devices.front().key,
                                 false);
  running.devices.pop_front();
  running.is_begun = false;
}

void CatchUps::retry() {
  for (const Id id : std::exchange(unread_, {})) {
    if (find(id) != nullptr) proceed(id);
  }
}

void CatchUps::ask_for_room(const Running& running) {
  peers_.post(running.viewer.shard,
              [viewer = running.viewer, home = here_, subscription = running.subscription](
                  Shard& shard) { shard.ask_for_room(viewer.session, home, subscription); });
}

void CatchUps::has_room(Viewer viewer, SubscriptionNumber subscription) {
  const auto name = by_name_.find(Name(viewer, subscription));
  if (name == by_name_.end()) return;
  proceed(name->second);
}

void CatchUps::sample_stored(protocol::DeviceKey device, const telemetry::SampleView& sample) {
  if (listening_.empty()) return;
  const auto [first, last] = listening_.equal_range(device);
  for (auto place = first; place != last; ++place) {
    auto& waiting = find(place->second)->waiting;
    if (!waiting) continue;
    if (waiting->size() == kMaxWaiting) {
      waiting.reset();
    } else {
      waiting->push_back(telemetry::copy(sample));
    }
  }
}

void CatchUps::end(Viewer viewer, SubscriptionNumber subscription) {
  const auto name = by_name_.find(Name(viewer, subscription));
  if (name != by_name_.end()) drop(name->second);
}

void CatchUps::end_all(Viewer viewer) {
  for (auto name = by_name_.lower_bound(Name(viewer, 0));
       name != by_name_.end() && name->first.first == viewer;) {
    drop((name++)->second);
  }
}

void CatchUps::drop(Id id) {
  const Running& running = *find(id);
  by_name_.erase(Name(running.viewer, running.subscription));
  std::erase_if(listening_, [id](const auto& entry) { return entry.second == id; });
  running_.erase(id);
}

}  // namespace fairlead::hub
