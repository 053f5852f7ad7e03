#include "protocol/parse.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "protocol/cbor.h"
#include "protocol/json_reader.h"
#include "protocol/json_writer.h"
#include "protocol/request_readers.h"

namespace fairlead::protocol {
namespace {

// More than the longest token that is any use; what is too long for a token is the caller's to say.
constexpr std::size_t kMaxTokenLength = 65'536;
constexpr std::size_t kPaddingBytes = 64;

using Read = Request (*)(const Members& members, SampleBuffers& buffers);

struct Row {
  std::string_view type;
  Read read;
};

template <auto Reader>
Request plain(const Members& members, SampleBuffers&) {
  return Reader(members);
}

Request sent(const Members& members, SampleBuffers&) { return read_command_send(members, true); }
Request beat(const Members&, SampleBuffers&) { return Heartbeat{}; }
Request sample(const Members& members, SampleBuffers& buffers) {
  return read_telemetry(members, buffers);
}
Request batch(const Members& members, SampleBuffers& buffers) {
  return read_telemetry_batch(members, buffers);
}

// The most frequent first: it is searched from the front.
constexpr std::array<Row, 16> kRows = {{
    {"telemetry", sample},
    {"telemetry.batch", batch},
    {"heartbeat", beat},
    {"command.result", plain<read_command_result>},
    {"command.accept", plain<read_command_accept>},
    {"command.send", sent},
    {"command.get", plain<read_command_get>},
    {"command.cancel", plain<read_command_cancel>},
    {"subscribe", plain<read_subscribe>},
    {"unsubscribe", plain<read_unsubscribe>},
    {"auth", plain<read_auth>},
    {"device.register", plain<read_device_register>},
    {"device.status", plain<read_device_status>},
    {"fleet.send", plain<read_fleet_send>},
    {"fleet.get", plain<read_fleet_get>},
    {"fleet.cancel", plain<read_fleet_cancel>},
}};

Result<RequestId> read_id(const Document& document) {
  const Node* const node = document.find(document.root(), "id");
  if (node == nullptr) return RequestId{};
  RequestId id;
  if (node->kind == NodeKind::kString && count_characters(node->text) <= kMaxRequestIdLength) {
    append_json_string(id.json, node->text);
    return id;
  }
  if (node->is_integer && node->integer >= 0 && node->integer <= kMaxSafeInteger) {
    JsonWriter(id.json).value(node->integer);
    return id;
  }
  return invalid_field("id", fmt::format("must be a string of at most {} characters or an integer "
                                         "from 0 to {}, not {}",
                                         kMaxRequestIdLength, kMaxSafeInteger, describe(*node)));
}

Result<const Row*> find_row(const Document& document) {
  const Node* const type = document.find(document.root(), "type");
  if (type == nullptr) return fail(Code::kBadMessage, "type: is missing");
  if (type->kind != NodeKind::kString) {
    return fail(Code::kBadMessage, "type: must be a string, not {}", describe(*type));
  }
  const auto row = std::ranges::find(kRows, type->text, &Row::type);
  if (row != kRows.end()) return row;
  return fail(Code::kUnknownType, "type: {} is none that is known", describe(*type));
}

Result<void> check_is_object(const Document& document) {
  if (document.root().kind == NodeKind::kObject) return {};
  return fail(Code::kBadMessage, "must be an object, not {}", describe(document.root()));
}

}  // namespace

Auth read_auth(const Members& members) {
  return {.token = std::string(members.required_text("token", kMaxTokenLength))};
}

struct Parser::State {
  Result<void> read(Codec codec, std::string_view bytes);
  template <typename T>
  Result<T> read_body(std::string_view body, T (*read_members)(const Members&, SampleBuffers&));

  JsonReader reader;
  SampleBuffers buffers;
  std::string json;
};

Result<void> Parser::State::read(Codec codec, std::string_view bytes) {
  if (codec == Codec::kJson) return reader.read(bytes);
  json.clear();
  if (auto transcoded = cbor_to_json(bytes, json); !transcoded) return transcoded;
  json.reserve(json.size() + kPaddingBytes);
  return reader.read(json);
}

template <typename T>
Result<T> Parser::State::read_body(std::string_view body,
                                   T (*read_members)(const Members&, SampleBuffers&)) {
  if (auto done = reader.read_copy(body); !done) return std::unexpected(std::move(done.error()));
  const Document& document = reader.document();
  if (auto is = check_is_object(document); !is) return std::unexpected(std::move(is.error()));
  Problems problems;
  T content = read_members(Members(document, document.root(), problems), buffers);
  if (problems.is_empty()) return content;
  return std::unexpected(std::move(problems).to_error());
}

Parser::Parser() : state_(std::make_unique<State>()) {}
Parser::~Parser() = default;

std::expected<ParsedRequest, BadRequest> Parser::parse(Codec codec, std::string_view bytes) {
  const auto bad = [](Error error, RequestId id = {}) {
    return std::unexpected(
        BadRequest{.error = std::move(error), .id = std::move(id), .refused_samples = 0});
  };
  if (auto done = state_->read(codec, bytes); !done) return bad(std::move(done.error()));
  const Document& document = state_->reader.document();
  if (auto is = check_is_object(document); !is) return bad(std::move(is.error()));
  auto id = read_id(document);
  if (!id) return bad(std::move(id.error()));
  const auto row = find_row(document);
  if (!row) return bad(row.error(), std::move(*id));
  Problems problems;
  ParsedRequest parsed{
      .id = std::move(*id),
      .request = (*row)->read(Members(document, document.root(), problems), state_->buffers)};
  if (problems.is_empty()) return parsed;
  const auto* const telemetry = std::get_if<Telemetry>(&parsed.request);
  return std::unexpected(BadRequest{
      .error = std::move(problems).to_error(),
      .id = std::move(parsed.id),
      .refused_samples =
          telemetry == nullptr ? 0 : std::max<std::size_t>(1, telemetry->samples.size())});
}

Result<Telemetry> Parser::parse_telemetry_body(std::string_view body) {
  return state_->read_body<Telemetry>(body, [](const Members& members, SampleBuffers& buffers) {
    return members.find("samples") != nullptr ? read_telemetry_batch(members, buffers)
                                              : read_telemetry(members, buffers);
  });
}

Result<DeviceWrite> Parser::parse_device_body(std::string_view body) {
  return state_->read_body<DeviceWrite>(body, [](const Members& members, SampleBuffers&) {
    return DeviceWrite{.entry = read_device_register(members),
                       .disabled = members.boolean("disabled")};
  });
}

Result<CommandSend> Parser::parse_command_body(std::string_view body) {
  return state_->read_body<CommandSend>(body, [](const Members& members, SampleBuffers&) {
    return read_command_send(members, false);
  });
}

Result<FleetSend> Parser::parse_fleet_body(std::string_view body) {
  return state_->read_body<FleetSend>(
      body, [](const Members& members, SampleBuffers&) { return read_fleet_send(members); });
}

Result<Subscribe> Parser::parse_definition(std::string_view definition) {
  return state_->read_body<Subscribe>(
      definition, [](const Members& members, SampleBuffers&) { return read_subscribe(members); });
}

}  // namespace fairlead::protocol
