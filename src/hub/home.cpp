#include "hub/home.h"

#include <algorithm>
#include <charconv>

#include "commands/params.h"
#include "hub/shard.h"
#include "protocol/capabilities.h"
#include "protocol/events.h"
#include "protocol/json_writer.h"
#include "protocol/names.h"

namespace fairlead::hub {

Home::Home(std::size_t here, const Settings& settings, Repositories repositories, Peers& peers,
           Connections& connections, Encoder& encoder, const Clock& clock, Random& random,
           devices::KeySeries keys)
    : here_(here),
      settings_(settings),
      peers_(peers),
      connections_(connections),
      encoder_(encoder),
      clock_(clock),
      delivery_(here, peers, subscriptions_, connections, encoder),
      devices_(repositories.devices, *this, clock, keys),
      telemetry_(repositories.telemetry, *this, clock),
      commands_(repositories.commands, *this, *this, clock, random,
                {.unfinished_per_device = settings.queued_commands_per_device}),
      catch_ups_(repositories.telemetry, telemetry_, subscriptions_, delivery_, peers, here) {}

void Home::restore(devices::Device device, telemetry::Progress progress, telemetry::Latest latest) {
  const protocol::DeviceKey key = device.key;
  const protocol::DeviceRef ref = devices_.restore(std::move(device));
  telemetry_.add(ref, key, std::move(progress), std::move(latest));
  commands_.know(ref, key);
  if (ref >= seats_.size()) seats_.resize(ref + 1);
  seats_[ref] = {.key = key, .session = 0};
}

void Home::restore(const commands::Command& command) {
  if (const auto ref = devices_.find(command.tenant, command.device)) {
    commands_.restore(*ref, command);
  }
}

Result<protocol::DeviceRef> Home::find(const auth::Principal& principal,
                                       std::string_view id) const {
  if (auth::may_touch(principal, id)) {
    if (const auto ref = devices_.find(principal.tenant, id)) return *ref;
  }
  return fail(Code::kNotFound, "device {}: not found", id);
}

Result<protocol::DeviceRef> Home::find_or_add(const std::string& tenant, const std::string& id) {
  const auto ref = devices_.find_or_add(tenant, id);
  if (!ref) {
    Error error{.code = Code::kOverloaded,
                .message = fmt::format("device {}: is being deleted, try again", id)};
    error.retry_after_ms = 1000;
    return std::unexpected(std::move(error));
  }
  if (*ref >= seats_.size()) seats_.resize(*ref + 1);
  const protocol::DeviceKey key = devices_.admitted(*ref).key;
  if (seats_[*ref].key != key) {
    seats_[*ref] = {.key = key, .session = 0};
    telemetry_.add(*ref, key, {}, {});
    commands_.know(*ref, key);
  }
  return *ref;
}

Result<void> Home::check_declared(std::optional<protocol::DeviceRef> known,
                                  const protocol::DeviceRegister& request) const {
  if (!request.capabilities || !*request.capabilities) return {};
  const std::string& text = **request.capabilities;
  if (known && devices_.admitted(*known).about->capabilities == text) return {};
  const auto declared = protocol::Capabilities::parse(text);
  if (!declared) return std::unexpected(declared.error());
  return commands::Params::check_declared(*declared);
}

Meter* Home::meter(protocol::DeviceRef ref) {
  const RateLimit limit = settings_.device_rate();
  if (limit.is_any()) return nullptr;
  return &meters_.try_emplace(seats_[ref].key, limit).first->second;
}

Result<void> Home::charge(protocol::DeviceRef ref, std::size_t bytes) {
  Meter* const sent = meter(ref);
  if (sent == nullptr) return {};
  const RateLimit limit = settings_.device_rate();
  const std::int64_t now = clock_.steady_ms();
  const std::int64_t wait = sent->wait_ms(limit, bytes, now);
  if (wait > 0) return std::unexpected(over_rate(limit, "this device", wait));
  sent->take(limit, bytes, now);
  return {};
}

DeviceAddress Home::address(protocol::DeviceRef ref) const {
  const devices::Device& device = devices_.device(ref);
  return {.ref = ref, .key = device.key, .tenant = device.tenant, .id = device.id};
}

Session* Home::connection_of(protocol::DeviceRef ref) const {
  return seats_[ref].session == 0 ? nullptr : connections_.find(seats_[ref].session);
}

bool Home::is_connected(protocol::DeviceRef ref) const { return seats_[ref].session != 0; }

devices::Live Home::live(protocol::DeviceRef ref) const {
  const Session* const session = connection_of(ref);
  const auto stored = devices_.device(ref).last_seen;
  return {.is_connected = devices_.is_connected(ref),
          .offset = telemetry_.progress(ref).offset,
          .last_seen = session == nullptr ? stored : session->last_seen_ms()};
}

std::string Home::device_json(protocol::DeviceRef ref) const {
  std::string json;
  devices::write_json(json, devices_.device(ref), live(ref));
  return json;
}

// What the services tell.

void Home::entry_changed(protocol::DeviceRef ref, devices::Change change) {
  if (subscriptions_.size() > 0) {
    std::string json;
    protocol::write_device_change(json,
                                  change == devices::Change::kRegistered
                                      ? protocol::DeviceChange::kRegistered
                                      : protocol::DeviceChange::kUpdated,
                                  device_json(ref));
    delivery_.control(address(ref), protocol::EventBit::kDevice, json);
  }
  Session* const session = connection_of(ref);
  if (devices_.device(ref).disabled && session != nullptr) {
    const Error error{.code = Code::kForbidden, .message = "this device is disabled"};
    session->end(protocol::CloseCode::kForbidden, "device disabled", &error);
  }
}

void Home::entry_deleted(protocol::DeviceRef ref) {
  std::string json;
  protocol::write_device_change(json, protocol::DeviceChange::kDeleted, device_json(ref));
  delivery_.control(address(ref), protocol::EventBit::kDevice, json);
}

void Home::remove(protocol::DeviceRef ref, Completion<void> done) {
  if (Session* const session = connection_of(ref)) {
    const Error error{.code = Code::kForbidden, .message = "this device was deleted"};
    session->end(protocol::CloseCode::kForbidden, "device deleted", &error);
  }
  // Samples that come to the store behind the deletion would be nobody's.
  telemetry_.flush();
  commands_.begin_removal(ref);
  devices_.remove(
      ref, [this, ref, key = seats_[ref].key, done = std::move(done)](Result<void> result) mutable {
        if (!result && seats_[ref].key == key) commands_.stays(ref);
        done(std::move(result));
      });
}

void Home::entry_forgotten(protocol::DeviceRef ref) {
  telemetry_.forget(ref);
  commands_.forget(ref);
  subscriptions_.forget(ref);
  takeovers_.erase(seats_[ref].key);
  meters_.erase(seats_[ref].key);
  seats_[ref] = {};
}

void Home::status_changed(protocol::DeviceRef ref, std::int64_t at) {
  const devices::Device& device = devices_.device(ref);
  std::string json;
  protocol::DeviceStatusEvent event{.device = device.id, .status = *device.about->status};
  if (device.about->status_detail) event.detail = *device.about->status_detail;
  event.at = at;
  protocol::write(json, event);
  delivery_.control(address(ref), protocol::EventBit::kStatus, json);
}

void Home::presence_changed(protocol::DeviceRef ref, const devices::Presence& presence) {
  if (subscriptions_.size() == 0) return;
  protocol::PresenceEvent event{.device = devices_.device(ref).id,
                                .connected = presence.is_connected,
                                .session = presence.session,
                                .at = presence.at};
  if (!presence.is_connected) event.reason = presence.reason;
  event.last_seen = presence.last_seen;
  std::string json;
  protocol::write(json, event);
  delivery_.control(address(ref), protocol::EventBit::kPresence, json);
}

void Home::sample_stored(protocol::DeviceRef ref, const telemetry::SampleView& sample) {
  if (subscriptions_.size() == 0) return;
  const DeviceAddress device = address(ref);
  delivery_.telemetry(device, sample);
  catch_ups_.sample_stored(device.key, sample);
}

void Home::command_changed(protocol::DeviceRef ref, const commands::Command& command,
                           const commands::Sender& sender, std::int64_t at, bool is_late) {
  protocol::CommandUpdate update{.command = command.id,
                                 .device = command.device,
                                 .name = command.name,
                                 .status = commands::name_of(command.state)};
  if (command.result) update.result_json = *command.result;
  if (command.error) update.error_json = *command.error;
  update.at = at;
  if (is_late && command.late_result) update.late_result_json = *command.late_result;
  std::string json;
  protocol::write(json, update);
  std::optional<Viewer> also;
  if (!sender.connection.empty()) {
    Viewer viewer{.shard = sender.shard, .session = 0};
    const std::string& number = sender.connection;
    std::from_chars(number.data(), number.data() + number.size(), viewer.session);
    also = viewer;
  }
  delivery_.control(address(ref), protocol::EventBit::kCommand, json, also);
  if (command.fleet && !is_late) tell_fleet(command, command.state);
}

void Home::command_gone(const commands::Command& command) {
  if (command.fleet) tell_fleet(command, commands::State::kCancelled);
}

void Home::tell_fleet(const commands::Command& command, commands::State state) {
  const std::size_t owner = home_hash(command.tenant, *command.fleet) % peers_.count();
  peers_.post(owner, [fleet = *command.fleet, device = command.device, state](Shard& there) {
    there.fleets().changed(fleet, device, state);
  });
}

void Home::deliver(protocol::DeviceRef ref, const commands::Command& command) {
  Session* const session = connection_of(ref);
  if (session == nullptr) return;
  protocol::CommandDelivery delivery{.command = command.id, .name = command.name};
  if (command.params) delivery.params_json = *command.params;
  delivery.issued_at = command.issued_at;
  delivery.expires_at = command.expires_at;
  delivery.attempt = command.attempt;
  std::string json;
  protocol::write(json, delivery);
  session->deliver_command(encoder_.frame(session->info().codec, json), command.id);
}

}  // namespace fairlead::hub
