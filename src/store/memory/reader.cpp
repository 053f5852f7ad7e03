#include "store/memory/reader.h"

#include <algorithm>
#include <ranges>
#include <tuple>
#include <utility>

#include "store/bucket_fold.h"
#include "store/fleet_members.h"
#include "store/page.h"
#include "store/revocations.h"

namespace fairlead::store::memory {
namespace {

telemetry::Latest latest_of(const DeviceRows& rows) {
  telemetry::Latest latest;
  if (rows.latest_checkpoint && !latest.restore(*rows.latest_checkpoint)) latest = {};
  const std::int64_t known = latest.offset();
  for (const telemetry::Sample& sample : rows.samples) {
    if (sample.offset > known) latest.fold(sample.ts, sample.offset, sample.metrics);
  }
  return latest;
}

bool is_older(const commands::Command& one, const commands::Command& other) {
  return std::tie(one.issued_at, one.id) < std::tie(other.issued_at, other.id);
}

bool is_wanted(const hub::ConnectionLog& log, const hub::LogQuery& query) {
  if (!log.disconnected_at || log.tenant != query.tenant) return false;
  const std::int64_t ended = *log.disconnected_at;
  if (query.device && (log.kind != "device" || log.subject != *query.device)) return false;
  if (query.from && ended < *query.from) return false;
  if (query.to && ended >= *query.to) return false;
  return !query.before_disconnected_at ||
         std::tie(ended, log.connection) <
             std::tie(*query.before_disconnected_at, query.before_connection);
}

}  // namespace

const std::vector<telemetry::Sample>& Reader::samples_of(protocol::DeviceKey device) const {
  static const std::vector<telemetry::Sample> none;
  const auto found = state_.devices.find(device);
  return found == state_.devices.end() ? none : found->second.samples;
}

Result<telemetry::Page> Reader::read(const telemetry::Range& range) {
  const auto place = [](const telemetry::Sample& sample) {
    return std::pair(sample.ts, sample.offset);
  };
  std::vector<const telemetry::Sample*> found;
  for (const telemetry::Sample& sample : samples_of(range.device)) {
    if (sample.ts < range.from_ts || sample.ts >= range.to_ts) continue;
    if (range.after) {
      const std::pair after(range.after->ts, range.after->offset);
      if (range.is_descending ? place(sample) >= after : place(sample) <= after) continue;
    }
    found.push_back(&sample);
  }
  std::ranges::sort(found, [&](const telemetry::Sample* one, const telemetry::Sample* other) {
    return range.is_descending ? place(*one) > place(*other) : place(*one) < place(*other);
  });
  PageBuilder page(range.limit);
  for (const telemetry::Sample* sample : found) {
    if (!page.takes(sample->metrics.size())) break;
    page.add(*sample);
  }
  return page.take();
}

Result<telemetry::Page> Reader::read_from(protocol::DeviceKey device, std::int64_t first_offset,
                                          std::size_t limit) {
  const auto& samples = samples_of(device);
  PageBuilder page(limit);
  const auto first =
      std::ranges::lower_bound(samples, first_offset, {}, &telemetry::Sample::offset);
  for (auto it = first; it != samples.end() && page.takes(it->metrics.size()); ++it) page.add(*it);
  return page.take();
}

Result<telemetry::BucketPage> Reader::read_buckets(const telemetry::BucketRange& range) {
  return fold_buckets(range, [this](const telemetry::Range& part) { return read(part); });
}

Result<std::int64_t> Reader::first_since(protocol::DeviceKey device, std::int64_t since) {
  const auto& samples = samples_of(device);
  const auto found = std::ranges::lower_bound(samples, since, {}, &telemetry::Sample::at);
  return found == samples.end() ? 0 : found->offset;
}

Result<std::optional<commands::Command>> Reader::find(const std::string& id) {
  const auto found = state_.commands.find(id);
  if (found == state_.commands.end()) return std::nullopt;
  return found->second;
}

Result<std::optional<commands::Fleet>> Reader::find_fleet(const std::string& id) {
  const auto found = state_.fleets.find(id);
  if (found == state_.fleets.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<commands::Command>> Reader::list(const commands::ListQuery& query) {
  std::vector<commands::Command> found;
  for (const auto& [id, command] : state_.commands) {
    if (command.device_key != query.device) continue;
    if (query.state && command.state != *query.state) continue;
    if (query.before_issued_at &&
        std::tie(command.issued_at, id) >= std::tie(*query.before_issued_at, query.before_id)) {
      continue;
    }
    found.push_back(command);
  }
  std::ranges::sort(found, [](const auto& one, const auto& other) { return is_older(other, one); });
  if (found.size() > query.limit) found.resize(query.limit);
  return found;
}

Result<std::vector<hub::ConnectionLog>> Reader::list_logs(const hub::LogQuery& query) {
  std::vector<hub::ConnectionLog> found;
  for (const auto& [connection, log] : state_.logs) {
    if (is_wanted(log, query)) found.push_back(log);
  }
  std::ranges::sort(found, [](const auto& one, const auto& other) {
    return std::tie(one.disconnected_at, one.connection) >
           std::tie(other.disconnected_at, other.connection);
  });
  if (found.size() > query.limit) found.resize(query.limit);
  return found;
}

void Reader::load_fleets(std::int64_t now_ms, Loaded& loaded) const {
  for (const auto& [id, fleet] : state_.fleets | std::views::reverse) {
    if (!fleet.idempotency_key || fleet.issued_at <= now_ms - kIdempotencyMs) continue;
    loaded.fleet_keys.push_back(
        {fleet.tenant, fleet.issued_by, *fleet.idempotency_key, id, fleet.issued_at});
  }
  for (const auto& [id, fleet] : state_.fleets) {
    if (fleet.progress.is_settled) continue;
    LoadedFleet& taken = loaded.fleets.emplace_back(LoadedFleet{.fleet = fleet, .members = {}});
    for (const auto& [of, command] : state_.commands) {
      if (command.fleet == id) taken.members.emplace_back(command.device_key, command.state);
    }
  }
}

Result<Loaded> Reader::load(std::int64_t now_ms) {
  Loaded loaded;
  loaded.last_key = state_.last_key;
  for (const auto& [key, rows] : state_.devices) {
    loaded.devices.push_back({rows.device, rows.progress, latest_of(rows)});
  }
  std::vector<const commands::Command*> keyed;
  for (const auto& [id, command] : state_.commands) {
    if (!commands::is_final(command.state)) loaded.unfinished.push_back(command);
    if (command.idempotency_key && command.issued_at > now_ms - kIdempotencyMs) {
      keyed.push_back(&command);
    }
  }
  std::ranges::sort(loaded.unfinished, is_older);
  std::ranges::sort(keyed,
                    [](const auto* one, const auto* other) { return is_older(*other, *one); });
  if (keyed.size() > kMaxIdempotencyKeys) keyed.resize(kMaxIdempotencyKeys);
  for (const commands::Command* command : keyed) {
    loaded.keys.push_back({command->tenant, command->issued_by, *command->idempotency_key,
                           command->id, command->issued_at});
  }
  for (const auto& [name, kept] : state_.subscriptions) loaded.subscriptions.push_back(kept);
  load_fleets(now_ms, loaded);
  add_deleted_members(loaded);
  for (const auto& [name, expiry] : state_.revocations) {
    if (!is_expired(expiry, now_ms)) {
      loaded.revocations.push_back({name.first, name.second, expiry});
    }
  }
  return loaded;
}

}  // namespace fairlead::store::memory
