// The table of messages, the parser, the permissions, the AsyncAPI document and the text of the
// protocol say the same of every message that a connection may send.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "auth/permissions.h"
#include "hub/router.h"
#include "protocol/cbor.h"
#include "protocol/parse.h"
#include "support/json.h"

namespace fairlead::hub {
namespace {

using support::Json;

std::string file(const std::string& path) {
  std::ifstream in(FAIRLEAD_SOURCE_DIR + ("/" + path), std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

/// By type: what the document says of the messages that the hub receives.
std::map<std::string, Json> received_by_the_hub() {
  const Json document = Json::parse(file("spec/asyncapi.json"));
  std::map<std::string, Json> messages;
  for (const auto& [name, operation] : document["operations"].members()) {
    if (operation["action"] != "receive") continue;
    for (const Json& reference : operation["messages"].items()) {
      const std::string& path = reference["$ref"].as_string();
      const std::string key = path.substr(path.rfind('/') + 1);
      const Json& message = document["components"]["messages"][key];
      REQUIRE_MESSAGE(message.exists(), key);
      messages[message["payload"]["properties"]["type"]["const"].as_string()] = message;
    }
  }
  return messages;
}

/// A batch is a telemetry message of another form.
std::string row_of(const std::string& type) {
  return type == "telemetry.batch" ? "telemetry" : type;
}

std::expected<protocol::ParsedRequest, protocol::BadRequest> parse(protocol::Parser& parser,
                                                                   protocol::Codec codec,
                                                                   std::string bytes) {
  const std::size_t size = bytes.size();
  bytes.append(64, '\0');
  return parser.parse(codec, std::string_view(bytes).substr(0, size));
}

}  // namespace

TEST_CASE("the AsyncAPI document has the messages of the table, and no others") {
  const auto messages = received_by_the_hub();
  std::set<std::string> rows;
  for (const MessageRule& rule : kMessageRules) {
    const std::string type(rule.type);
    rows.insert(type);
    CHECK_MESSAGE(messages.contains(type), type);
  }
  for (const auto& [type, message] : messages) CHECK_MESSAGE(rows.contains(row_of(type)), type);
}

TEST_CASE("it says of each who may send it, and with which scope") {
  const auto messages = received_by_the_hub();
  for (const MessageRule& rule : kMessageRules) {
    const auto message = messages.find(std::string(rule.type));
    REQUIRE_MESSAGE(message != messages.end(), rule.type);
    CAPTURE(rule.type);
    const auth::Permission& permission = auth::permission_of(rule.operation);
    const std::string& summary = message->second["summary"].as_string();
    const std::string who = permission.who == auth::Who::kAnyone   ? "Anyone: "
                            : permission.who == auth::Who::kDevice ? "Device: "
                                                                   : "Client: ";
    CHECK(summary.starts_with(who));
    if (permission.scope) {
      const std::string scope = "scope " + std::string(auth::name_of(*permission.scope));
      CHECK(summary.find(scope) != std::string::npos);
    }
  }
}

TEST_CASE("its examples are requests of their row, in JSON and in CBOR") {
  protocol::Parser parser;
  protocol::CborEncoder encoder;
  for (const auto& [type, message] : received_by_the_hub()) {
    CAPTURE(type);
    CHECK(message["examples"].size() > 0);
    for (const Json& example : message["examples"].items()) {
      const std::string json = example["payload"].dump();
      CAPTURE(json);
      std::string cbor;
      encoder.encode(json, cbor);
      for (const auto codec : {protocol::Codec::kJson, protocol::Codec::kCbor}) {
        const auto parsed = parse(parser, codec, codec == protocol::Codec::kJson ? json : cbor);
        REQUIRE(parsed.has_value());
        CHECK(kMessageRules[parsed->request.index()].type == row_of(type));
        CHECK(
            parsed->id.json ==
            (example["payload"]["id"].exists() ? example["payload"]["id"].dump() : std::string()));
      }
    }
  }
}

TEST_CASE("the parser knows every type of the table") {
  protocol::Parser parser;
  for (const MessageRule& rule : kMessageRules) {
    const auto parsed =
        parse(parser, protocol::Codec::kJson, R"({"type":")" + std::string(rule.type) + "\"}");
    if (parsed) {
      CHECK(kMessageRules[parsed->request.index()].type == rule.type);
    } else {
      CHECK_MESSAGE(parsed.error().error.code == Code::kInvalid, rule.type);
    }
  }
}

TEST_CASE("the text of the protocol describes every type of the table") {
  const std::string text = file("docs/protocol.md");
  for (const MessageRule& rule : kMessageRules) {
    const std::string type(rule.type);
    const bool is_described = text.find("`" + type + "` {") != std::string::npos ||
                              text.find(R"({"type":")" + type + "\"") != std::string::npos;
    CHECK_MESSAGE(is_described, type);
  }
}

}  // namespace fairlead::hub
