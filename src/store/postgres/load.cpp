#include "store/postgres/load.h"

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <span>
#include <utility>

#include "store/fleet_members.h"
#include "store/postgres/auth.h"
#include "store/postgres/commands.h"
#include "store/postgres/devices.h"
#include "store/postgres/fleets.h"
#include "store/postgres/subscriptions.h"
#include "store/postgres/telemetry.h"

namespace fairlead::store::postgres {
namespace {

/// Devices whose newest samples are asked for together.
constexpr std::size_t kFoldedAtOnce = 500;

/// Folds what is above the checkpoints of these devices, in rounds: a device without a checkpoint
/// has all of its samples to fold.
Outcome<void> fold_newest(Connection& connection, std::span<LoadedDevice> devices) {
  boost::unordered_flat_map<protocol::DeviceKey, LoadedDevice*> by_key;
  SamplesAbove wanted;
  for (LoadedDevice& device : devices) {
    if (device.progress.offset <= device.latest.offset()) continue;
    by_key[device.device.key] = &device;
    wanted.devices.push_back(device.device.key);
    wanted.offsets.push_back(device.latest.offset());
  }
  while (!wanted.devices.empty()) {
    boost::unordered_flat_map<protocol::DeviceKey, std::int64_t> folded;
    const auto fold = [&](protocol::DeviceKey key, std::int64_t ts, std::int64_t offset,
                          std::string_view metrics) {
      by_key.at(key)->latest.fold(ts, offset, metrics);
      ++folded[key];
    };
    if (auto done = load_samples_above(connection, wanted, fold); !done) return done;
    wanted = {};
    for (const auto& [key, count] : folded) {
      if (count < kSamplesAtOnce) continue;
      wanted.devices.push_back(key);
      wanted.offsets.push_back(by_key.at(key)->latest.offset());
    }
  }
  return {};
}

/// Devices and their progress, both by key: every device has a row of progress.
Outcome<std::vector<LoadedDevice>> load_page(Connection& connection, protocol::DeviceKey above) {
  auto devices = load_devices(connection, above);
  if (!devices) return std::unexpected(std::move(devices.error()));
  auto progress = load_progress(connection, above);
  if (!progress) return std::unexpected(std::move(progress.error()));
  std::vector<LoadedDevice> page;
  page.reserve(devices->size());
  auto next = progress->begin();
  for (devices::Device& device : *devices) {
    page.push_back({.device = std::move(device), .progress = {}, .latest = {}});
    LoadedDevice& loaded = page.back();
    while (next != progress->end() && next->device < loaded.device.key) ++next;
    if (next == progress->end() || next->device != loaded.device.key) continue;
    loaded.progress = std::move(next->progress);
    // One that cannot be read is made again from all samples.
    if (next->checkpoint && !loaded.latest.restore(*next->checkpoint)) loaded.latest = {};
  }
  for (std::size_t first = 0; first < page.size(); first += kFoldedAtOnce) {
    const std::size_t count = std::min(kFoldedAtOnce, page.size() - first);
    if (auto folded = fold_newest(connection, std::span(page).subspan(first, count)); !folded) {
      return std::unexpected(std::move(folded.error()));
    }
  }
  return page;
}

Outcome<void> load_fleet(Connection& connection, Loaded& loaded) {
  protocol::DeviceKey above = 0;
  while (true) {
    auto page = load_page(connection, above);
    if (!page) return std::unexpected(std::move(page.error()));
    if (page->empty()) return {};
    above = page->back().device.key;
    for (LoadedDevice& device : *page) loaded.devices.push_back(std::move(device));
  }
}

}  // namespace

Outcome<Loaded> load(Connection& connection, std::int64_t now_ms) {
  Loaded loaded;
  if (auto done = load_fleet(connection, loaded); !done) {
    return std::unexpected(std::move(done.error()));
  }
  auto last_key = load_last_key(connection);
  if (!last_key) return std::unexpected(std::move(last_key.error()));
  loaded.last_key = *last_key;
  auto unfinished = load_unfinished(connection);
  if (!unfinished) return std::unexpected(std::move(unfinished.error()));
  loaded.unfinished = std::move(*unfinished);
  auto keys = load_keys(connection, now_ms - kIdempotencyMs);
  if (!keys) return std::unexpected(std::move(keys.error()));
  loaded.keys = std::move(*keys);
  auto fleets = load_unsettled(connection);
  if (!fleets) return std::unexpected(std::move(fleets.error()));
  loaded.fleets = std::move(*fleets);
  add_deleted_members(loaded);
  auto fleet_keys = load_fleet_keys(connection, now_ms - kIdempotencyMs);
  if (!fleet_keys) return std::unexpected(std::move(fleet_keys.error()));
  loaded.fleet_keys = std::move(*fleet_keys);
  auto revocations = load_unexpired(connection, now_ms);
  if (!revocations) return std::unexpected(std::move(revocations.error()));
  loaded.revocations = std::move(*revocations);
  auto subscriptions = load_subscriptions(connection);
  if (!subscriptions) return std::unexpected(std::move(subscriptions.error()));
  loaded.subscriptions = std::move(*subscriptions);
  return loaded;
}

}  // namespace fairlead::store::postgres
