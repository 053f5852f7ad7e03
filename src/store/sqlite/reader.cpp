#include "store/sqlite/reader.h"

#include <boost/unordered/unordered_flat_map.hpp>
#include <utility>

#include "store/fleet_members.h"

namespace fairlead::store::sqlite {

Reader::Reader(std::unique_ptr<Database> database, const Segments& segments)
    : database_(std::move(database)),
      telemetry_(*database_, segments),
      devices_(*database_),
      commands_(*database_),
      fleets_(*database_),
      hub_(*database_),
      subscriptions_(*database_),
      auth_(*database_) {}

Result<std::unique_ptr<Reader>> Reader::open(const std::filesystem::path& file,
                                             const Segments& segments) {
  auto database = Database::open(file.string(), Access::kReader);
  if (!database) return fail(Code::kInternal, "{}: {}", file.string(), database.error().message);
  if (auto done = (*database)->execute("PRAGMA query_only = ON; PRAGMA cache_size = -8192;");
      !done) {
    return fail(Code::kInternal, "{}: {}", file.string(), done.error().message);
  }
  return std::unique_ptr<Reader>(new Reader(std::move(*database), segments));
}

Result<telemetry::Page> Reader::read(const telemetry::Range& range) {
  return telemetry_.read(range);
}

Result<telemetry::Page> Reader::read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                          std::size_t limit) {
  return telemetry_.read_from(device, first_offset, limit);
}

Result<telemetry::BucketPage> Reader::read_buckets(const telemetry::BucketRange& range) {
  return telemetry_.read_buckets(range);
}

Result<std::int64_t> Reader::first_since(protocol::DeviceKey device, std::int64_t since) {
  return telemetry_.first_since(device, since);
}

Result<std::optional<commands::Command>> Reader::find(const std::string& id) {
  return commands_.find(id);
}

Result<std::optional<commands::Fleet>> Reader::find_fleet(const std::string& id) {
  return fleets_.find(id);
}

Result<std::vector<commands::Command>> Reader::list(const commands::ListQuery& query) {
  return commands_.list(query);
}

Result<std::vector<hub::ConnectionLog>> Reader::list_logs(const hub::LogQuery& query) {
  return hub_.list_logs(query);
}

Result<std::vector<LoadedDevice>> Reader::load_devices() {
  auto devices = devices_.load();
  if (!devices) return std::unexpected(std::move(devices.error()));
  std::vector<LoadedDevice> loaded;
  loaded.reserve(devices->size());
  for (devices::Device& device : *devices) {
    auto progress = telemetry_.progress(device.key);
    if (!progress) return std::unexpected(std::move(progress.error()));
    auto latest = telemetry_.latest(device.key);
    if (!latest) return std::unexpected(std::move(latest.error()));
    loaded.push_back({std::move(device), std::move(*progress), std::move(*latest)});
  }
  boost::unordered_flat_map<protocol::DeviceKey, std::size_t> places;
  for (std::size_t i = 0; i < loaded.size(); ++i) places[loaded[i].device.key] = i;
  const Result<void> folded = telemetry_.for_each_open(
      [&](protocol::DeviceKey device, const telemetry::SampleView& sample) {
        const auto found = places.find(device);
        if (found == places.end()) return;
        telemetry::Latest& latest = loaded[found->second].latest;
        if (sample.offset <= latest.offset()) return;
        latest.fold(sample.ts, sample.offset, sample.metrics);
      });
  if (!folded) return std::unexpected(folded.error());
  return loaded;
}

Result<Loaded> Reader::load(std::int64_t now_ms) {
  Loaded loaded;
  auto devices = load_devices();
  if (!devices) return std::unexpected(std::move(devices.error()));
  loaded.devices = std::move(*devices);
  auto last_key = devices_.last_key();
  if (!last_key) return std::unexpected(std::move(last_key.error()));
  loaded.last_key = *last_key;
  auto unfinished = commands_.unfinished();
  if (!unfinished) return std::unexpected(std::move(unfinished.error()));
  loaded.unfinished = std::move(*unfinished);
  auto keys = commands_.keys(now_ms - kIdempotencyMs);
  if (!keys) return std::unexpected(std::move(keys.error()));
  loaded.keys = std::move(*keys);
  auto fleets = fleets_.unsettled();
  if (!fleets) return std::unexpected(std::move(fleets.error()));
  loaded.fleets = std::move(*fleets);
  add_deleted_members(loaded);
  auto fleet_keys = fleets_.keys(now_ms - kIdempotencyMs);
  if (!fleet_keys) return std::unexpected(std::move(fleet_keys.error()));
  loaded.fleet_keys = std::move(*fleet_keys);
  auto revocations = auth_.load_unexpired(now_ms);
  if (!revocations) return std::unexpected(std::move(revocations.error()));
  loaded.revocations = std::move(*revocations);
  auto subscriptions = subscriptions_.load();
  if (!subscriptions) return std::unexpected(std::move(subscriptions.error()));
  loaded.subscriptions = std::move(*subscriptions);
  return loaded;
}

}  // namespace fairlead::store::sqlite
