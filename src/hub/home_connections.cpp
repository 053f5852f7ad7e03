#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "hub/home.h"
#include "protocol/events.h"

namespace fairlead::hub {

Result<void> Home::may_connect(const std::string& tenant, const std::string& device) {
  const auto ref = devices_.find(tenant, device);
  if (ref && devices_.device(*ref).disabled) {
    return fail(Code::kForbidden, "device {}: is disabled", device);
  }
  return {};
}

void Home::begin(Session& session) {
  const auth::Principal& principal = *session.principal();
  const auto ref = find_or_add(principal.tenant, principal.subject);
  if (!ref) {
    session.end(protocol::CloseCode::kOverloaded, "device is being deleted", &ref.error());
    return;
  }
  if (devices_.device(*ref).disabled) {
    const Error error{.code = Code::kForbidden, .message = "this device is disabled"};
    session.end(protocol::CloseCode::kForbidden, "device disabled", &error);
    return;
  }
  Session* const current = connection_of(*ref);
  if (!take_over(session, current, *ref)) return;
  session.begin_opening();
  opening_.emplace(session.number(), Opening{.is_takeover = current != nullptr});
  devices_.connect(*ref, [this, ref = *ref, key = seats_[*ref].key,
                          number = session.number()](Result<std::int64_t> connected) {
    stored_beginning(ref, key, number, std::move(connected));
  });
}

void Home::stored_beginning(protocol::DeviceRef ref, protocol::DeviceKey key, SessionNumber number,
                            Result<std::int64_t> connected) {
  const auto place = opening_.find(number);
  const auto [is_takeover, ended] = std::move(place->second);
  opening_.erase(place);
  Session* const opened = ended ? nullptr : connections_.find(number);
  if (!connected) {
    if (opened == nullptr) return;
    opened->end(protocol::CloseCode::kInternal, "the connection could not be stored",
                &connected.error());
  } else if (seats_[ref].key != key) {
    // Deleted meanwhile.
    const Error error{.code = Code::kForbidden, .message = "this device was deleted"};
    if (opened != nullptr) opened->end(protocol::CloseCode::kForbidden, "device deleted", &error);
  } else if (opened != nullptr) {
    take_seat(*opened, ref, *connected, is_takeover);
  } else if (Session* const stays = connection_of(ref)) {
    // The newcomer left before it took over: who has the place now stands for the newest session,
    // or its own end would be taken for one that was overtaken.
    stays->seat.session = *connected;
  } else {
    devices_.disconnect(ref, *connected, ended->reason, ended->last_seen);
  }
}

bool Home::take_over(Session& session, Session* current, protocol::DeviceRef ref) {
  const std::int64_t now = clock_.steady_ms();
  if (current == nullptr && !takeovers_.contains(seats_[ref].key)) return true;
  Takeovers& takeovers = takeovers_[seats_[ref].key];
  if (takeovers.refused_for_ms(now) == 0 && (current == nullptr || takeovers.allow(now))) {
    return true;
  }
  const std::int64_t retry_after_ms = takeovers.refused_for_ms(now);
  spdlog::warn(
      "device {} of tenant {} replaces its own connection again and again: two holders of "
      "one identity? Refused for {} ms",
      devices_.admitted(ref).id, devices_.admitted(ref).tenant, retry_after_ms);
  if (current != nullptr) refuse_takeover(*current, retry_after_ms);
  refuse_takeover(session, retry_after_ms);
  return false;
}

void Home::refuse_takeover(Session& session, std::int64_t retry_after_ms) {
  Error error{.code = Code::kRateLimited,
              .message = "connections of this device replace each other again and again"};
  error.retry_after_ms = retry_after_ms;
  session.end(protocol::CloseCode::kOverRate, "replaces itself again and again", &error);
}

void Home::take_seat(Session& session, protocol::DeviceRef ref, std::int64_t number,
                     bool is_counted) {
  Session* const replaced = connection_of(ref);
  const bool was_empty = seats_[ref].session == 0;
  seats_[ref].session = session.number();
  session.seat = {.session = number, .device = ref};
  if (was_empty) ++connected_;
  // Both came while neither had the seat.
  if (replaced != nullptr && !is_counted && !take_over(session, replaced, ref)) {
    commands_.device_disconnected(ref);
    return;
  }
  if (replaced != nullptr) {
    const Error error{.code = Code::kConflict,
                      .message = "replaced by a newer connection of this device"};
    replaced->end(protocol::CloseCode::kReplaced, close_name(protocol::CloseCode::kReplaced),
                  &error);
    commands_.device_disconnected(ref);
  }
  // A change that was stored while this connection's beginning was.
  if (devices_.device(ref).disabled) {
    const Error error{.code = Code::kForbidden, .message = "this device is disabled"};
    session.end(protocol::CloseCode::kForbidden, "device disabled", &error);
    return;
  }
  welcome(session, ref);
  commands_.device_connected(ref);
}

void Home::welcome(Session& session, protocol::DeviceRef ref) {
  telemetry_.resumed(ref);
  const telemetry::Progress& progress = telemetry_.progress(ref);
  protocol::Welcome::Resume resume{.epoch = {}, .last_seq = progress.last_seq};
  if (progress.epoch) resume.epoch = *progress.epoch;
  session.open(welcome_json(session, settings_, clock_.now_ms(), resume));
}

std::string welcome_json(const Session& session, const Settings& settings, std::int64_t now_ms,
                         std::optional<protocol::Welcome::Resume> resume) {
  const auth::Principal& principal = *session.principal();
  const std::string connection = session.info().id();
  protocol::Welcome welcome{.connection = connection,
                            .kind = auth::name_of(principal.kind),
                            .subject = principal.subject,
                            .tenant = principal.tenant,
                            .server_time = now_ms};
  if (principal.expires_at_ms != 0) welcome.expires_at = principal.expires_at_ms;
  welcome.heartbeat_ms = settings.heartbeat_ms;
  welcome.max_message_bytes = static_cast<std::int64_t>(settings.max_message_bytes);
  welcome.messages_per_second = settings.messages_per_second;
  welcome.burst = settings.burst;
  if (settings.bytes_per_second > 0) welcome.bytes_per_second = settings.bytes_per_second;
  welcome.telemetry = resume;
  std::string json;
  protocol::write(json, welcome);
  return json;
}

void Home::end(Session& session) {
  if (!session.seat) {
    const auto opening = opening_.find(session.number());
    if (opening != opening_.end()) {
      opening->second.ended = Ending{session.cause().reason, session.last_seen_ms()};
    }
    return;
  }
  const protocol::DeviceRef ref = session.seat.device;
  if (seats_[ref].session != session.number()) return;
  seats_[ref].session = 0;
  --connected_;
  commands_.device_disconnected(ref);
  devices_.disconnect(ref, session.seat.session, session.cause().reason, session.last_seen_ms());
}

void Home::once_a_second() {
  devices_.retry();
  catch_ups_.retry();
  // One seat in sixty: everyone is met once a minute.
  const std::size_t turn = seats_.size() / 60 + 1;
  for (std::size_t i = 0; i < turn && !seats_.empty(); ++i) {
    next_touched_ = (next_touched_ + 1) % seats_.size();
    const auto ref = static_cast<protocol::DeviceRef>(next_touched_);
    const Session* const session = connection_of(ref);
    if (session == nullptr) continue;
    const std::int64_t stored = devices_.device(ref).last_seen.value_or(0);
    if (session->last_seen_ms() - stored >= kTouchEveryMs) {
      devices_.touch(ref, session->last_seen_ms());
    }
  }
  const std::int64_t now = clock_.steady_ms();
  boost::unordered::erase_if(takeovers_,
                             [now](const auto& entry) { return entry.second.is_quiet(now); });
}

}  // namespace fairlead::hub
