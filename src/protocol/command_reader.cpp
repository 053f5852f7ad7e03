#include <string>

#include "protocol/json_writer.h"
#include "protocol/names.h"
#include "protocol/request_readers.h"

namespace fairlead::protocol {
namespace {

constexpr std::size_t kMaxErrorTextLength = 1024;

std::string read_id(const Members& members, std::string_view name) {
  return std::string(members.required_text(name, kMaxCommandIdLength));
}

// What the device says went wrong: only the two members that the protocol knows.
std::optional<std::string> read_error(const Members& members) {
  const Node* const error = members.object("error");
  if (error == nullptr) return std::nullopt;
  const Members inner(members.document(), *error, members.problems(), {.member = "error"});
  const auto code = inner.required_text("code", kMaxErrorTextLength);
  inner.require("message");
  const auto message = inner.text("message", 0, kMaxErrorTextLength).value_or("");
  std::string json;
  JsonWriter(json).begin_object().member("code", code).member("message", message).end_object();
  return json;
}

// A value of any kind as JSON text.
std::optional<std::string> read_value(const Members& members, std::string_view name) {
  const Node* const node = members.find(name);
  if (node == nullptr) return std::nullopt;
  if (node->kind != NodeKind::kString) return std::string(node->text);
  std::string json;
  append_json_string(json, node->text);
  return json;
}

}  // namespace

CommandAccept read_command_accept(const Members& members) {
  return {.command = read_id(members, "command")};
}

CommandResult read_command_result(const Members& members) {
  CommandResult result;
  result.command = read_id(members, "command");
  members.require("status");
  result.executed = members.word("status", {"executed", "failed"}) == "executed";
  result.result = read_value(members, "result");
  result.error = read_error(members);
  return result;
}

CommandSend read_command_send(const Members& members, bool with_device) {
  CommandSend send;
  if (with_device && members.require("device")) {
    const Node& device = *members.find("device");
    send.device = device.text;
    if (device.kind != NodeKind::kString || !is_device_id(device.text)) {
      members.add("device", fmt::format("must be a device's id, 1 to {} characters of A-Z a-z 0-9 "
                                        "_ . : / -, not {}",
                                        kMaxDeviceIdLength, describe(device)));
    }
  }
  send.name = members.required_text("name", kMaxCommandNameLength);
  send.params = read_value(members, "params");
  send.timeout_ms =
      members.integer("timeout_ms", {.least = kMinCommandTimeoutMs, .most = kMaxCommandTimeoutMs})
          .value_or(kDefaultCommandTimeoutMs);
  send.queue = members.word("delivery", {"now", "queue"}) == "queue";
  send.idempotency_key = members.text("idempotency_key", 1, kMaxIdempotencyKeyLength);
  return send;
}

CommandCancel read_command_cancel(const Members& members) {
  return {.command = read_id(members, "command")};
}

CommandGet read_command_get(const Members& members) {
  return {.command = read_id(members, "command")};
}

FleetSend read_fleet_send(const Members& members) {
  FleetSend send;
  if (members.require("devices")) send.devices = read_patterns(members);
  send.command = read_command_send(members, false);
  send.max_in_flight = members.integer("max_in_flight", {.least = 1}).value_or(kDefaultMaxInFlight);
  send.stop_after_failures = members.integer("stop_after_failures", {.least = 1});
  return send;
}

FleetGet read_fleet_get(const Members& members) { return {.fleet = read_id(members, "fleet")}; }

FleetCancel read_fleet_cancel(const Members& members) {
  return {.fleet = read_id(members, "fleet")};
}

}  // namespace fairlead::protocol
