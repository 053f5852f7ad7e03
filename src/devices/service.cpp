#include "devices/service.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "protocol/json_writer.h"

namespace fairlead::devices {
namespace {

void merge(std::optional<std::string>& member, const protocol::Patch<std::string>& patch,
           bool replaces) {
  if (patch) {
    member = *patch;
  } else if (replaces) {
    member = std::nullopt;
  }
}

Device merged(Device entry, const protocol::DeviceRegister& request, bool replaces) {
  Description about = *entry.about;
  merge(about.name, request.name, replaces);
  merge(about.device_type, request.device_type, replaces);
  merge(about.firmware, request.firmware, replaces);
  merge(about.capabilities, request.capabilities, replaces);
  merge(about.metadata, request.metadata, replaces);
  entry.about = std::move(about);
  return entry;
}

std::unique_ptr<const protocol::Capabilities> compiled(const std::optional<std::string>& declared) {
  if (!declared) return nullptr;
  // What is stored was accepted once; should the rules have changed since, it declares nothing.
  return std::make_unique<const protocol::Capabilities>(
      protocol::Capabilities::parse(*declared).value_or(protocol::Capabilities()));
}

}  // namespace

Service::Service(Repository& repository, EventSink& events, const Clock& clock, KeySeries keys)
    : repository_(repository), events_(events), clock_(clock), keys_(keys) {}

Service::Entry& Service::at(protocol::DeviceRef device) {
  FAIRLEAD_ASSERT(device < entries_.size());
  return entries_[device];
}

const Service::Entry& Service::at(protocol::DeviceRef device) const {
  FAIRLEAD_ASSERT(device < entries_.size());
  return entries_[device];
}

Device& Service::admit(Entry& entry) {
  if (!entry.admitted) entry.admitted = std::make_unique<Device>(entry.stored);
  ++entry.in_flight;
  return *entry.admitted;
}

protocol::DeviceRef Service::place(Device device, bool is_stored) {
  protocol::DeviceRef ref = 0;
  if (free_.empty()) {
    ref = static_cast<protocol::DeviceRef>(entries_.size());
    entries_.emplace_back(ref);
  } else {
    ref = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[ref];
  entry.capabilities = compiled(device.about->capabilities);
  entry.stored = std::move(device);
  entry.is_stored = is_stored;
  index_.insert(entry);
  return ref;
}

protocol::DeviceRef Service::restore(Device device) { return place(std::move(device), true); }

std::optional<protocol::DeviceRef> Service::find(std::string_view tenant,
                                                 std::string_view id) const {
  const auto place = index_.find(Name{tenant, id});
  if (place == index_.end() || !place->is_stored || place->is_removed) return std::nullopt;
  return place->ref;
}

std::optional<protocol::DeviceRef> Service::find_or_add(std::string_view tenant,
                                                        std::string_view id) {
  const auto known = index_.find(Name{tenant, id});
  if (known != index_.end()) {
    if (known->is_removed) return std::nullopt;
    return known->ref;
  }
  Device device;
  device.key = keys_.first;
  keys_.first += keys_.step;
  device.tenant = tenant;
  device.id = id;
  device.created_at = device.updated_at = clock_.now_ms();
  return place(std::move(device), false);
}

void Service::register_device(protocol::DeviceRef device, const protocol::DeviceRegister& request,
                              Completion<void> done) {
  update(device, merged(admitted(device), request, false), std::move(done));
}

void Service::write(protocol::DeviceRef device, const protocol::DeviceWrite& request, bool replaces,
                    Completion<void> done) {
  Device next = merged(admitted(device), request.entry, replaces);
  if (request.disabled || replaces) next.disabled = request.disabled.value_or(false);
  update(device, std::move(next), std::move(done));
}

void Service::update(protocol::DeviceRef device, Device next, Completion<void> done) {
  const Entry& entry = at(device);
  if (entry.is_stored && entry.in_flight == 0 && next == entry.stored) {
    done({});
    return;
  }
  next.updated_at = clock_.now_ms();
  save(device, std::move(next), std::move(done), [this, device](bool is_new) {
    events_.entry_changed(device, is_new ? Change::kRegistered : Change::kUpdated);
  });
}

void Service::set_status(protocol::DeviceRef device, const protocol::DeviceStatus& request,
                         Completion<void> done) {
  Device next = admitted(device);
  Description about = *next.about;
  about.status = request.status;
  about.status_detail = request.detail;
  next.about = std::move(about);
  save(device, std::move(next), std::move(done),
       [this, device, at = clock_.now_ms()](bool) { events_.status_changed(device, at); });
}

void Service::save(protocol::DeviceRef device, Device next, Completion<void> done,
                   std::move_only_function<void(bool is_new)> told) {
  Entry& entry = at(device);
  admit(entry) = next;
  Device copy = next;
  repository_.save(std::move(copy),
                   [this, device, round = entry.round, next = std::move(next),
                    done = std::move(done), told = std::move(told)](Result<void> result) mutable {
                     if (settle(device, round, result.has_value())) {
                       const bool is_new = take_stored(device, std::move(next));
                       told(is_new);
                     }
                     done(std::move(result));
                   });
}

bool Service::take_stored(protocol::DeviceRef device, Device stored) {
  Entry& entry = at(device);
  if (stored.about->capabilities != entry.stored.about->capabilities) {
    entry.capabilities = compiled(stored.about->capabilities);
  }
  entry.stored = std::move(stored);
  return !std::exchange(entry.is_stored, true);
}

bool Service::settle(protocol::DeviceRef device, std::uint32_t round, bool is_stored) {
  Entry& entry = at(device);
  if (entry.round != round) return false;
  if (is_stored) {
    // What was admitted last is what the caller now takes for stored.
    if (--entry.in_flight == 0) entry.admitted.reset();
    return true;
  }
  entry.admitted.reset();
  entry.is_removed = false;
  entry.in_flight = 0;
  ++entry.round;
  if (!entry.is_stored) forget(device);
  return false;
}

void Service::remove(protocol::DeviceRef device, Completion<void> done) {
  Entry& entry = at(device);
  entry.is_removed = true;
  ++entry.in_flight;
  repository_.remove(entry.stored.key, [this, device, round = entry.round,
                                        done = std::move(done)](Result<void> result) mutable {
    if (settle(device, round, result.has_value())) {
      events_.entry_deleted(device);
      forget(device);
    }
    done(std::move(result));
  });
}

void Service::forget(protocol::DeviceRef device) {
  Entry& entry = at(device);
  index_.erase(index_.iterator_to(entry));
  entry.stored = {};
  entry.admitted.reset();
  entry.capabilities.reset();
  entry.in_flight = 0;
  ++entry.round;
  entry.is_stored = entry.is_removed = entry.is_connected = false;
  free_.push_back(device);
  events_.entry_forgotten(device);
}

void Service::connect(protocol::DeviceRef device, Completion<std::int64_t> done) {
  Entry& entry = at(device);
  const bool was_new = !entry.is_stored;
  Device& next = admit(entry);
  const std::int64_t session = ++next.session;
  const std::int64_t now = clock_.now_ms();
  next.last_seen = now;
  auto finish = [this, device, round = entry.round, session, now,
                 done = std::move(done)](Result<void> result) mutable {
    if (settle(device, round, result.has_value())) {
      Entry& stored = at(device);
      stored.stored.session = session;
      stored.stored.last_seen = now;
      if (!std::exchange(stored.is_stored, true)) {
        events_.entry_changed(device, Change::kRegistered);
      }
      if (!std::exchange(stored.is_connected, true)) {
        events_.presence_changed(device, {true, session, now, "", now});
      }
    }
    if (result) {
      done(session);
    } else {
      done(std::unexpected(std::move(result.error())));
    }
  };
  if (was_new) {
    Device copy = next;
    repository_.save(std::move(copy), std::move(finish));
  } else {
    repository_.save_presence(next.key, session, now, std::move(finish));
  }
}

void Service::disconnect(protocol::DeviceRef device, std::int64_t session, std::string reason,
                         std::int64_t last_seen) {
  end_session({.device = device,
               .key = at(device).stored.key,
               .session = session,
               .reason = std::move(reason),
               .last_seen = last_seen,
               .at = clock_.now_ms()});
}

void Service::end_session(UnstoredEnd end) {
  Entry& entry = at(end.device);
  Device& next = admit(entry);
  next.last_seen = end.last_seen;
  const protocol::DeviceKey key = entry.stored.key;
  const std::int64_t session = next.session;
  const std::int64_t last_seen = end.last_seen;
  repository_.save_presence(
      key, session, last_seen,
      [this, round = entry.round, end = std::move(end)](Result<void> result) mutable {
        if (settle(end.device, round, result.has_value())) {
          tell_end(end);
        } else if (!result) {
          unstored_ends_.push_back(std::move(end));
        }
      });
}

void Service::tell_end(const UnstoredEnd& end) {
  Entry& entry = at(end.device);
  entry.stored.last_seen = end.last_seen;
  if (entry.stored.session != end.session || !entry.is_connected) return;
  entry.is_connected = false;
  events_.presence_changed(end.device, {false, end.session, end.at, end.reason, end.last_seen});
}

void Service::touch(protocol::DeviceRef device, std::int64_t last_seen) {
  Entry& entry = at(device);
  if (entry.is_removed || !entry.is_stored) return;
  Device& next = admit(entry);
  next.last_seen = last_seen;
  repository_.save_presence(next.key, next.session, last_seen,
                            [this, device, round = entry.round, last_seen](Result<void> result) {
                              if (settle(device, round, result.has_value())) {
                                at(device).stored.last_seen = last_seen;
                              }
                            });
}

void Service::retry() {
  for (UnstoredEnd& end : std::exchange(unstored_ends_, {})) {
    const Entry& entry = at(end.device);
    const bool is_same_device = entry.is_stored && entry.stored.key == end.key;
    if (is_same_device && entry.stored.session == end.session) end_session(std::move(end));
  }
}

void write_json(std::string& out, const Device& device, const Live& live) {
  const Description& about = *device.about;
  protocol::JsonWriter json(out);
  const auto text = [&](std::string_view name, const std::optional<std::string>& value) {
    json.raw_member(name, value ? std::string_view(*value) : std::string_view("null"));
  };
  json.begin_object().member("id", device.id).member("name", about.name);
  json.member("device_type", about.device_type).member("firmware", about.firmware);
  text("capabilities", about.capabilities);
  text("metadata", about.metadata);
  json.member("status", about.status).member("status_detail", about.status_detail);
  json.member("connected", live.is_connected).member("session", device.session);
  json.member("last_seen", live.last_seen).member("disabled", device.disabled);
  json.member("offset", live.offset).member("created_at", device.created_at);
  json.member("updated_at", device.updated_at).end_object();
}

}  // namespace fairlead::devices
