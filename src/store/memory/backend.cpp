#include "store/memory/backend.h"

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <variant>

#include "commands/id.h"
#include "store/revocations.h"

namespace fairlead::store::memory {
namespace {

constexpr const char* kHubRestarted = "hub restarted";
constexpr std::int64_t kAbnormalClosure = 1006;

std::unexpected<Error> broken_constraint(const char* what) {
  return fairlead::fail(Code::kInternal, "constraint failed: {}", what);
}

}  // namespace

/// Does one write and notes how to undo it.
struct Backend::Apply {
  State& state;
  std::vector<Undo>& undo;

  /// Sets one entry of a map; the undo puts the old one back or removes the new one.
  template <typename Key, typename Value>
  void set(std::map<Key, Value> State::* map, const Key& key, Value value) {
    auto& entries = state.*map;
    const auto found = entries.find(key);
    if (found == entries.end()) {
      entries.emplace(key, std::move(value));
      undo.emplace_back([map, key](State& target) { (target.*map).erase(key); });
      return;
    }
    Value old = std::exchange(found->second, std::move(value));
    undo.emplace_back([map, key, old = std::move(old)](State& target) mutable {
      (target.*map).insert_or_assign(key, std::move(old));
    });
  }

  template <typename Key, typename Value>
  void erase(std::map<Key, Value> State::* map, const Key& key) {
    const auto found = (state.*map).find(key);
    if (found == (state.*map).end()) return;
    undo.emplace_back([map, key, old = std::move(found->second)](State& target) mutable {
      (target.*map).insert_or_assign(key, std::move(old));
    });
    (state.*map).erase(found);
  }

  Result<void> operator()(const StoreSamples& write) {
    for (const telemetry::SampleBlock::Part& part : write.block->parts()) {
      if (auto stored = append(*write.block, part); !stored) return stored;
    }
    for (const telemetry::SampleBlock::Checkpoint& checkpoint : write.block->checkpoints()) {
      const auto found = state.devices.find(checkpoint.device);
      if (found == state.devices.end()) return broken_constraint("telemetry of an unknown device");
      undo.emplace_back([key = checkpoint.device, before = found->second.latest_checkpoint](
                            State& target) { target.devices.at(key).latest_checkpoint = before; });
      found->second.latest_checkpoint = std::string(write.block->text(checkpoint));
    }
    return {};
  }

  Result<void> append(const telemetry::SampleBlock& block,
                      const telemetry::SampleBlock::Part& part) {
    const auto found = state.devices.find(part.device);
    if (found == state.devices.end()) return broken_constraint("telemetry of an unknown device");
    DeviceRows& rows = found->second;
    undo.emplace_back(
        [key = part.device, before = rows.samples.size(), progress = rows.progress](State& target) {
          DeviceRows& undone = target.devices.at(key);
          undone.samples.resize(before);
          undone.progress = progress;
        });
    for (std::size_t i = part.first; i < part.first + part.count; ++i) {
      const auto expected = static_cast<std::int64_t>(rows.samples.size()) + 1;
      rows.samples.push_back(telemetry::copy(block.sample(i)));
      if (rows.samples.back().offset != expected) {
        return broken_constraint("offsets of a device have no holes");
      }
    }
    rows.progress = {
        .offset = part.offset, .epoch = {}, .last_seq = part.last_seq, .last_at = part.last_at};
    if (const auto epoch = block.epoch(part)) rows.progress.epoch = std::string(*epoch);
    return {};
  }

  Result<void> operator()(SaveDevice& write) {
    const std::pair name(write.device.tenant, write.device.id);
    const protocol::DeviceKey key = write.device.key;
    const auto named = state.keys.find(name);
    if (named != state.keys.end() && named->second != key) {
      return broken_constraint("(tenant, id) of a device is unique");
    }
    const auto found = state.devices.find(key);
    if (found != state.devices.end()) {
      devices::Device old = std::exchange(found->second.device, std::move(write.device));
      undo.emplace_back([key, old = std::move(old)](State& target) mutable {
        target.devices.at(key).device = std::move(old);
      });
      return {};
    }
    undo.emplace_back([before = state.last_key](State& target) { target.last_key = before; });
    state.last_key = std::max(state.last_key, key);
    set(&State::keys, name, key);
    DeviceRows rows;
    rows.device = std::move(write.device);
    set(&State::devices, key, std::move(rows));
    return {};
  }

  Result<void> operator()(const SavePresence& write) {
    const auto found = state.devices.find(write.key);
    if (found == state.devices.end()) return {};
    devices::Device& device = found->second.device;
    undo.emplace_back(
        [key = write.key, session = device.session, last_seen = device.last_seen](State& target) {
          devices::Device& undone = target.devices.at(key).device;
          undone.session = session;
          undone.last_seen = last_seen;
        });
    device.session = write.session;
    device.last_seen = write.last_seen;
    return {};
  }

  Result<void> operator()(const RemoveDevice& write) {
    const auto found = state.devices.find(write.key);
    if (found == state.devices.end()) return {};
    const std::pair name(found->second.device.tenant, found->second.device.id);
    std::vector<std::string> commands;
    for (const auto& [id, command] : state.commands) {
      if (command.device_key == write.key) commands.push_back(id);
    }
    for (const std::string& id : commands) erase(&State::commands, id);
    erase(&State::keys, name);
    erase(&State::devices, write.key);
    return {};
  }

  Result<void> operator()(SaveCommand& write) {
    if (!state.devices.contains(write.command.device_key)) {
      return broken_constraint("command of an unknown device");
    }
    const std::string id = write.command.id;
    set(&State::commands, id, std::move(write.command));
    return {};
  }

  Result<void> operator()(CreateFleet& write) {
    const std::string id = write.fleet.id;
    if (state.fleets.contains(id)) return broken_constraint("the id of a fleet is unique");
    set(&State::fleets, id, std::move(write.fleet));
    return {};
  }

  Result<void> operator()(const UpdateFleet& write) {
    const auto found = state.fleets.find(write.id);
    if (found == state.fleets.end()) return {};
    commands::Fleet fleet = found->second;
    fleet.progress = write.progress;
    set(&State::fleets, write.id, std::move(fleet));
    return {};
  }

  Result<void> operator()(const ForgetCommands& write) {
    std::vector<std::string> old;
    for (const auto& [id, command] : state.commands) {
      const bool is_old = id < commands::first_id_at('k', write.before_ms);
      if (!is_old || old.size() == kMaxForgottenCommands) break;
      if (commands::is_final(command.state)) old.push_back(id);
    }
    for (const std::string& id : old) erase(&State::commands, id);
    std::vector<std::string> fleets;
    for (const auto& [id, fleet] : state.fleets) {
      const bool is_old = id < commands::first_id_at('f', write.before_ms);
      if (!is_old || fleets.size() == kMaxForgottenFleets) break;
      if (fleet.progress.is_settled) fleets.push_back(id);
    }
    for (const std::string& id : fleets) erase(&State::fleets, id);
    *write.has_more = old.size() == kMaxForgottenCommands || fleets.size() == kMaxForgottenFleets;
    return {};
  }

  Result<void> operator()(OpenLog& write) {
    if (state.logs.contains(write.log.connection)) return {};
    const std::string connection = write.log.connection;
    set(&State::logs, connection, std::move(write.log));
    return {};
  }

  Result<void> operator()(CloseLog& write) {
    const std::string connection = write.log.connection;
    const auto found = state.logs.find(connection);
    hub::ConnectionLog ended = found == state.logs.end() ? write.log : found->second;
    ended.disconnected_at = write.log.disconnected_at;
    ended.code = write.log.code;
    ended.reason = std::move(write.log.reason);
    set(&State::logs, connection, std::move(ended));
    return {};
  }

  Result<void> operator()(const ForgetLogs& write) {
    std::vector<std::string> old;
    for (const auto& [connection, log] : state.logs) {
      if (old.size() == kMaxForgottenLogs) break;
      if (log.disconnected_at && *log.disconnected_at < write.before_ms) old.push_back(connection);
    }
    for (const std::string& connection : old) erase(&State::logs, connection);
    *write.has_more = old.size() == kMaxForgottenLogs;
    return {};
  }

  Result<void> operator()(SaveSubscription& write) {
    hub::DurableSubscription& kept = write.subscription;
    const SubscriptionName name(kept.tenant, kept.subject, kept.name);
    set(&State::subscriptions, name, std::move(kept));
    return {};
  }

  Result<void> operator()(const RemoveSubscription& write) {
    erase(&State::subscriptions, SubscriptionName(write.tenant, write.subject, write.name));
    return {};
  }

  Result<void> operator()(const Revoke& write) {
    const std::pair name(write.revocation.tenant, write.revocation.jti);
    const auto found = state.revocations.find(name);
    const std::int64_t expiry = write.revocation.expires_at_ms;
    set(&State::revocations, name,
        found == state.revocations.end() ? expiry : later_expiry(found->second, expiry));
    return {};
  }

  Result<void> operator()(const ForgetRevocations& write) {
    std::vector<std::pair<std::string, std::string>> expired;
    for (const auto& [name, expiry] : state.revocations) {
      if (is_expired(expiry, write.now_ms)) expired.push_back(name);
    }
    for (const auto& name : expired) erase(&State::revocations, name);
    return {};
  }
};

Result<void> Backend::commit(std::span<Write> batch) {
  const bool must_fail = is_broken_ || failures_ > 0;
  if (failures_ > 0) --failures_;
  const std::size_t end = must_fail ? batch.size() / 2 : batch.size();
  std::vector<Undo> undo;
  Result<void> result;
  for (std::size_t i = 0; i < end && result; ++i) {
    result = std::visit(Apply{state_, undo}, batch[i]);
  }
  if (result && must_fail) result = fairlead::fail(Code::kInternal, "disk I/O error");
  if (result) {
    ++commits_;
    return {};
  }
  for (Undo& step : std::views::reverse(undo)) step(state_);
  return result;
}

Result<void> Backend::probe() {
  if (is_broken_) return fairlead::fail(Code::kInternal, "disk I/O error");
  return {};
}

void Backend::close_open_logs(std::int64_t now_ms) {
  for (auto& [connection, log] : state_.logs) {
    if (log.disconnected_at) continue;
    log.disconnected_at = now_ms;
    log.code = kAbnormalClosure;
    log.reason = kHubRestarted;
  }
}

}  // namespace fairlead::store::memory
