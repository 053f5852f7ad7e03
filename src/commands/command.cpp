#include "commands/command.h"

#include "protocol/json_writer.h"

namespace fairlead::commands {
namespace {

void json_member(protocol::JsonWriter& writer, std::string_view name,
                 const std::optional<std::string>& json) {
  writer.raw_member(name, json ? std::string_view(*json) : "null");
}

}  // namespace

void write_json(std::string& out, const Command& command) {
  protocol::JsonWriter writer(out);
  writer.begin_object();
  writer.member("command", command.id);
  writer.member("device", command.device);
  writer.member("name", command.name);
  json_member(writer, "params", command.params);
  writer.member("status", name_of(command.state));
  json_member(writer, "result", command.result);
  json_member(writer, "error", command.error);
  json_member(writer, "late_result", command.late_result);
  writer.member("delivery", command.is_queued ? "queue" : "now");
  writer.member("issued_by", command.issued_by);
  writer.member("issued_at", command.issued_at);
  writer.member("expires_at", command.expires_at);
  writer.member("attempt", command.attempt);
  writer.member("fleet", command.fleet);
  writer.key("history").begin_array();
  for (const Transition& step : command.history) {
    writer.begin_object();
    writer.member("status", name_of(step.state));
    writer.member("at", step.at);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

}  // namespace fairlead::commands
