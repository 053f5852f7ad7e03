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
  merge(entry.name, request.name, replaces);
  merge(entry.device_type, request.device_type, replaces);
  merge(entry.firmware, request.firmware, replaces);
  merge(entry.capabilities, request.capabilities, replaces);
  merge(entry.metadata, request.metadata, replaces);
  return entry;
}

protocol::Capabilities compiled(const std::optional<std::string>& declared) {
  if (!declared) return {};
  // What is stored was accepted once; should the rules have changed since, it declares nothing.
  return protocol::Capabilities::parse(*declared).value_or(protocol::Capabilities());
}

}  // namespace

Service::Service(Repository& repository, EventSink& events, const Clock& clock, KeySeries keys)
    : repository_(repository), events_(events), clock_(clock), keys_(keys) {}

std::string Service::index_key(std::string_view tenant, std::string_view id) {
  std::string key;
  key.reserve(tenant.size() + id.size() + 1);
  key.append(tenant).push_back('\0');
  return key.append(id);
}

Service::Entry& Service::at(protocol::DeviceRef device) {
  FAIRLEAD_ASSERT(device < entries_.size());
  return entries_[device];
}

const Service::Entry& Service::at(protocol::DeviceRef device) const {
  FAIRLEAD_ASSERT(device < entries_.size());
  return entries_[device];
}

protocol::DeviceRef Service::place(Device device, bool is_stored) {
  protocol::DeviceRef ref = 0;
  if (free_.empty()) {
    ref = static_cast<protocol::DeviceRef>(entries_.size());
    entries_.emplace_back();
  } else {
    ref = free_.back();
    free_.pop_back();
  }
  index_.emplace(index_key(device.tenant, device.id), ref);
  Entry& entry = entries_[ref];
  entry.capabilities = compiled(device.capabilities);
  entry.admitted = device;
  entry.stored = std::move(device);
  entry.is_stored = is_stored;
  return ref;
}

protocol::DeviceRef Service::restore(Device device) { return place(std::move(device), true); }

std::optional<protocol::DeviceRef> Service::find(std::string_view tenant,
                                                 std::string_view id) const {
  const auto place = index_.find(index_key(tenant, id));
  if (place == index_.end()) return std::nullopt;
  const Entry& entry = at(place->second);
  if (!entry.is_stored || entry.is_removed) return std::nullopt;
  return place->second;
}

std::optional<protocol::DeviceRef> Service::find_or_add(std::string_view tenant,
                                                        std::string_view id) {
  const auto known = index_.find(index_key(tenant, id));
  if (known != index_.end()) {
    if (at(known->second).is_removed) return std::nullopt;
    return known->second;
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
  update(device, merged(at(device).admitted, request, false), std::move(done));
}

void Service::write(protocol::DeviceRef device, const protocol::DeviceWrite& request, bool replaces,
                    Completion<void> done) {
  Device next = merged(at(device).admitted, request.entry, replaces);
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
  Device next = at(device).admitted;
  next.status = request.status;
  next.status_detail = request.detail;
  save(device, std::move(next), std::move(done),
       [this, device, at = clock_.now_ms()](bool) { events_.status_changed(device, at); });
}

void Service::save(protocol::DeviceRef device, Device next, Completion<void> done,
                   std::move_only_function<void(bool is_new)> told) {
  Entry& entry = at(device);
  entry.admitted = next;
  ++entry.in_flight;
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
  if (stored.capabilities != entry.stored.capabilities) {
    entry.capabilities = compiled(stored.capabilities);
  }
  entry.stored = std::move(stored);
  return !std::exchange(entry.is_stored, true);
}

bool Service::settle(protocol::DeviceRef device, std::uint32_t round, bool is_stored) {
  Entry& entry = at(device);
  if (entry.round != round) return false;
  if (is_stored) {
    --entry.in_flight;
    return true;
  }
  entry.admitted = entry.stored;
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
  index_.erase(index_key(entry.stored.tenant, entry.stored.id));
  const std::uint32_t round = entry.round + 1;
  entry = Entry();
  entry.round = round;
  free_.push_back(device);
  events_.entry_forgotten(device);
}

void Service::connect(protocol::DeviceRef device, Completion<std::int64_t> done) {
  Entry& entry = at(device);
  const bool was_new = !entry.is_stored;
  Device next = entry.admitted;
  next.session += 1;
  next.last_seen = clock_.now_ms();
  entry.admitted = next;
  ++entry.in_flight;
  const std::int64_t session = next.session;
  const std::int64_t now = *next.last_seen;
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
    repository_.save(std::move(next), std::move(finish));
  } else {
    repository_.save_presence(next.key, session, now, std::move(finish));
  }
}

void Service::disconnect(protocol::DeviceRef device, std::int64_t session, std::string reason,
                         std::int64_t last_seen) {
  end_session({device, at(device).stored.key, session, std::move(reason), last_seen});
}

void Service::end_session(UnstoredEnd end) {
  Entry& entry = at(end.device);
  entry.admitted.last_seen = end.last_seen;
  ++entry.in_flight;
  const protocol::DeviceKey key = entry.stored.key;
  const std::int64_t session = entry.admitted.session;
  const std::int64_t last_seen = end.last_seen;
  repository_.save_presence(key, session, last_seen,
                            [this, at = clock_.now_ms(), round = entry.round,
                             end = std::move(end)](Result<void> result) mutable {
                              if (settle(end.device, round, result.has_value())) {
                                tell_end(end, at);
                              } else if (!result) {
                                unstored_ends_.push_back(std::move(end));
                              }
                            });
}

void Service::tell_end(const UnstoredEnd& end, std::int64_t at) {
  Entry& entry = this->at(end.device);
  entry.stored.last_seen = end.last_seen;
  if (entry.stored.session != end.session || !entry.is_connected) return;
  entry.is_connected = false;
  events_.presence_changed(end.device, {false, end.session, at, end.reason, end.last_seen});
}

void Service::touch(protocol::DeviceRef device, std::int64_t last_seen) {
  Entry& entry = at(device);
  if (entry.is_removed || !entry.is_stored) return;
  entry.admitted.last_seen = last_seen;
  ++entry.in_flight;
  repository_.save_presence(entry.stored.key, entry.admitted.session, last_seen,
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
  protocol::JsonWriter json(out);
  const auto text = [&](std::string_view name, const std::optional<std::string>& value) {
    json.raw_member(name, value ? std::string_view(*value) : std::string_view("null"));
  };
  json.begin_object().member("id", device.id).member("name", device.name);
  json.member("device_type", device.device_type).member("firmware", device.firmware);
  text("capabilities", device.capabilities);
  text("metadata", device.metadata);
  json.member("status", device.status).member("status_detail", device.status_detail);
  json.member("connected", live.is_connected).member("session", device.session);
  json.member("last_seen", live.last_seen).member("disabled", device.disabled);
  json.member("offset", live.offset).member("created_at", device.created_at);
  json.member("updated_at", device.updated_at).end_object();
}

}  // namespace fairlead::devices
