#include "app/sim/hub_message.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <utility>

namespace fairlead::app::sim {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

/// Members of one object; the first that is missing or wrong is kept as the problem.
class Members {
 public:
  explicit Members(object from) : object_(from) {}

  std::optional<std::int64_t> optional_integer(std::string_view name) {
    element found;
    if (object_[name].get(found) != simdjson::SUCCESS) return std::nullopt;
    std::int64_t value = 0;
    if (found.get(value) == simdjson::SUCCESS) return value;
    complain(name, "is no integer");
    return std::nullopt;
  }

  std::int64_t integer(std::string_view name) {
    if (const auto value = optional_integer(name)) return *value;
    complain(name, "is missing");
    return 0;
  }

  std::optional<std::string> optional_text(std::string_view name) {
    element found;
    if (object_[name].get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
    std::string_view value;
    if (found.get(value) == simdjson::SUCCESS) return std::string(value);
    complain(name, "is no string");
    return std::nullopt;
  }

  std::string text(std::string_view name) {
    if (auto value = optional_text(name)) return *std::move(value);
    complain(name, "is missing");
    return {};
  }

  std::optional<object> nested(std::string_view name) {
    object found;
    if (object_[name].get(found) == simdjson::SUCCESS) return found;
    complain(name, "is missing or no object");
    return std::nullopt;
  }

  std::string json(std::string_view name) {
    element found;
    if (object_[name].get(found) != simdjson::SUCCESS) return {};
    return simdjson::minify(found);
  }

  const std::string& problem() const { return problem_; }

 private:
  void complain(std::string_view name, std::string_view rule) {
    if (problem_.empty()) problem_ = fmt::format("{} {}", name, rule);
  }

  object object_;
  std::string problem_;
};

using Read = std::expected<HubMessage, std::string>;

template <typename Message>
Read checked(Message message, const Members& members, std::string_view type) {
  if (members.problem().empty()) return message;
  return std::unexpected(fmt::format("{}: {}", type, members.problem()));
}

Read read_welcome(Members members) {
  Welcome welcome;
  welcome.subject = members.text("subject");
  welcome.heartbeat_ms = members.integer("heartbeat_ms");
  members.text("connection");
  members.integer("server_time");
  if (members.text("kind") != "device") return std::unexpected("welcome: kind is not device");
  if (auto nested = members.nested("limits")) {
    Members limits(*nested);
    welcome.max_message_bytes = limits.integer("max_message_bytes");
    welcome.messages_per_second = limits.integer("messages_per_second");
    welcome.burst = limits.integer("burst");
    if (!limits.problem().empty()) return checked(welcome, limits, "welcome.limits");
  }
  if (auto nested = members.nested("telemetry")) {
    Members telemetry(*nested);
    welcome.epoch = telemetry.optional_text("epoch");
    welcome.last_seq = telemetry.integer("last_seq");
    if (!telemetry.problem().empty()) return checked(welcome, telemetry, "welcome.telemetry");
  }
  return checked(std::move(welcome), members, "welcome");
}

Read read_ack(Members members) {
  Ack ack;
  ack.id = members.optional_integer("id");
  ack.accepted = members.optional_integer("accepted");
  ack.duplicates = members.optional_integer("duplicates");
  ack.last_seq = members.optional_integer("last_seq");
  return checked(ack, members, "ack");
}

Read read_error(Members members) {
  ErrorMessage error;
  error.id = members.optional_integer("id");
  error.code = members.text("code");
  error.message = members.text("message");
  error.retry_after_ms = members.optional_integer("retry_after_ms");
  return checked(std::move(error), members, "error");
}

Read read_command(Members members) {
  CommandMessage command;
  command.command = members.text("command");
  command.name = members.text("name");
  command.params = members.json("params");
  command.attempt = members.integer("attempt");
  members.integer("issued_at");
  members.integer("expires_at");
  return checked(std::move(command), members, "command");
}

Read read_heartbeat(Members members) {
  const HeartbeatReply reply{members.optional_integer("id")};
  members.integer("server_time");
  return checked(reply, members, "heartbeat");
}

}  // namespace

struct HubMessageReader::State {
  simdjson::dom::parser parser;
};

HubMessageReader::HubMessageReader() : state_(std::make_unique<State>()) {}
HubMessageReader::~HubMessageReader() = default;

std::expected<HubMessage, std::string> HubMessageReader::read(std::string_view text) {
  element root;
  if (const auto error = state_->parser.parse(text.data(), text.size(), true).get(root)) {
    return std::unexpected(fmt::format("no JSON: {}", simdjson::error_message(error)));
  }
  object top;
  if (root.get(top) != simdjson::SUCCESS) return std::unexpected("no object");
  Members members(top);
  std::string type = members.text("type");
  if (!members.problem().empty()) return std::unexpected(members.problem());
  if (type == "ack") return read_ack(members);
  if (type == "command") return read_command(members);
  if (type == "error") return read_error(members);
  if (type == "heartbeat") return read_heartbeat(members);
  if (type == "welcome") return read_welcome(members);
  if (type == "auth.expiring") return AuthExpiring{};
  return OtherMessage{std::move(type)};
}

std::optional<double> HubMessageReader::number_in(std::string_view text, std::string_view name) {
  element root;
  double number = 0;
  if (state_->parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  if (root[name].get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

}  // namespace fairlead::app::sim
