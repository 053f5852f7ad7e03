#include "protocol/events.h"

#include "protocol/codes.h"
#include "protocol/json_writer.h"

namespace fairlead::protocol {
namespace {

JsonWriter begin(std::string& out, std::string_view type) {
  JsonWriter json(out);
  json.begin_object().member("type", type);
  return json;
}

JsonWriter begin_reply(std::string& out, std::string_view type, const RequestId& id) {
  JsonWriter json = begin(out, type);
  if (!id.is_none()) json.raw_member("id", id.json);
  return json;
}

void write_json_or_null(JsonWriter& json, std::string_view name,
                        const std::optional<std::string_view>& content) {
  json.raw_member(name, content.value_or("null"));
}

// What an error carries beside its code and message.
void write_extras(JsonWriter& json, const Error& error) {
  if (!error.fields.empty()) {
    json.key("fields").begin_array();
    for (const FieldProblem& field : error.fields) {
      json.begin_object();
      json.member("path", field.path).member("problem", field.problem);
      json.end_object();
    }
    json.end_array();
  }
  if (error.limit != 0) json.member("limit", error.limit);
  if (error.retry_after_ms != 0) json.member("retry_after_ms", error.retry_after_ms);
}

}  // namespace

JsonWriter begin_ack(std::string& out, const RequestId& id) { return begin_reply(out, "ack", id); }

void write_ack(std::string& out, const RequestId& id, std::string_view members_json) {
  JsonWriter json = begin_ack(out, id);
  if (!members_json.empty()) json.raw(members_json);
  json.end_object();
}

void write_error(std::string& out, const RequestId& id, const Error& error) {
  JsonWriter json = begin_reply(out, "error", id);
  json.member("code", wire_name(error.code)).member("message", error.message);
  write_extras(json, error);
  json.end_object();
}

void write_heartbeat(std::string& out, const RequestId& id, std::int64_t server_time) {
  begin_reply(out, "heartbeat", id).member("server_time", server_time).end_object();
}

void write_auth_expiring(std::string& out, std::int64_t expires_at) {
  begin(out, "auth.expiring").member("expires_at", expires_at).end_object();
}

void write(std::string& out, const Welcome& welcome) {
  JsonWriter json = begin(out, "welcome");
  json.member("connection", welcome.connection)
      .member("kind", welcome.kind)
      .member("subject", welcome.subject)
      .member("tenant", welcome.tenant)
      .member("server_time", welcome.server_time)
      .member("expires_at", welcome.expires_at)
      .member("heartbeat_ms", welcome.heartbeat_ms);
  json.key("limits").begin_object();
  json.member("max_message_bytes", welcome.max_message_bytes)
      .member("messages_per_second", welcome.messages_per_second)
      .member("burst", welcome.burst);
  if (welcome.bytes_per_second) json.member("bytes_per_second", *welcome.bytes_per_second);
  json.end_object();
  if (welcome.telemetry) {
    json.key("telemetry").begin_object();
    json.member("epoch", welcome.telemetry->epoch)
        .member("last_seq", welcome.telemetry->last_seq)
        .end_object();
  }
  json.end_object();
}

void write(std::string& out, const TelemetryEvent& event) {
  JsonWriter json = begin(out, "telemetry");
  json.member("device", event.device)
      .member("offset", event.offset)
      .member("ts", event.ts)
      .member("at", event.at)
      .raw_member("metrics", event.metrics_json);
  if (event.replay) json.member("replay", true);
  json.end_object();
}

void write(std::string& out, const PresenceEvent& event) {
  begin(out, "presence")
      .member("device", event.device)
      .member("connected", event.connected)
      .member("session", event.session)
      .member("at", event.at)
      .member("reason", event.reason)
      .member("last_seen", event.last_seen)
      .end_object();
}

void write(std::string& out, const DeviceStatusEvent& event) {
  begin(out, "device.status")
      .member("device", event.device)
      .member("status", event.status)
      .member("detail", event.detail)
      .member("at", event.at)
      .end_object();
}

void write(std::string& out, const CommandDelivery& command) {
  JsonWriter json = begin(out, "command");
  json.member("command", command.command).member("name", command.name);
  if (command.params_json) json.raw_member("params", *command.params_json);
  json.member("issued_at", command.issued_at)
      .member("expires_at", command.expires_at)
      .member("attempt", command.attempt)
      .end_object();
}

void write(std::string& out, const CommandUpdate& update) {
  JsonWriter json = begin(out, "command.update");
  json.member("command", update.command)
      .member("device", update.device)
      .member("name", update.name)
      .member("status", update.status);
  write_json_or_null(json, "result", update.result_json);
  write_json_or_null(json, "error", update.error_json);
  json.member("at", update.at);
  if (update.late_result_json) {
    json.raw_member("late_result", *update.late_result_json).member("late", true);
  }
  json.end_object();
}

void write_members(JsonWriter& json, const FleetUpdate& update) {
  json.member("fleet", update.fleet)
      .member("total", update.total)
      .member("waiting", update.waiting)
      .member("pending", update.pending)
      .member("delivered", update.delivered)
      .member("accepted", update.accepted)
      .member("executed", update.executed)
      .member("failed", update.failed)
      .member("expired", update.expired)
      .member("cancelled", update.cancelled)
      .member("state", update.state);
}

void write(std::string& out, const FleetUpdate& update) {
  JsonWriter json = begin(out, "fleet.update");
  write_members(json, update);
  json.end_object();
}

void write(std::string& out, const Lag& lag) {
  begin(out, "lag")
      .member("subscription", lag.subscription)
      .member("dropped", lag.dropped)
      .member("since", lag.since)
      .end_object();
}

void write_device_change(std::string& out, DeviceChange change, std::string_view device_json) {
  const std::string_view type = change == DeviceChange::kRegistered ? "device.registered"
                                : change == DeviceChange::kUpdated  ? "device.updated"
                                                                    : "device.deleted";
  begin(out, type).raw_member("device", device_json).end_object();
}

std::string problem_json(const Error& error) {
  const CodeInfo& row = info(error.code);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("type", "about:blank")
      .member("title", row.title)
      .member("status", row.http_status)
      .member("detail", error.message)
      .member("code", row.wire_name);
  write_extras(json, error);
  json.end_object();
  return out;
}

}  // namespace fairlead::protocol
