// Any bytes as a message and as a body. What must hold: no crash, no read outside the promised
// padding, whatever stands in it; what the reader takes, simdjson's other parser takes too; what it
// takes survives the way through CBOR; a request's metrics are JSON, trimmed or not.
#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "protocol/capabilities.h"
#include "protocol/cbor.h"
#include "protocol/codes.h"
#include "protocol/events.h"
#include "protocol/json_reader.h"
#include "protocol/parse.h"

namespace {

using namespace fairlead;
using namespace fairlead::protocol;

constexpr std::size_t kPaddingBytes = 64;

/// That parser has no integers of more than 64 bits: is_number judges those.
bool dom_accepts(std::string_view json) {
  simdjson::dom::parser parser;
  const auto failed = parser.parse(simdjson::padded_string(json)).error();
  return failed == simdjson::SUCCESS || failed == simdjson::NUMBER_ERROR;
}

bool skip_digits(std::string_view& text) {
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  text.remove_prefix(digits.size());
  return !digits.empty();
}

bool skip(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// RFC 8259, 6.
bool is_number(std::string_view text) {
  skip(text, "-");
  if (!skip(text, "0") && !skip_digits(text)) return false;
  if (skip(text, ".") && !skip_digits(text)) return false;
  if (skip(text, "eE")) {
    skip(text, "+-");
    if (!skip_digits(text)) return false;
  }
  return text.empty();
}

void check_numbers(const Document& document, const Node& node) {
  FAIRLEAD_ASSERT(node.kind != NodeKind::kNumber || is_number(node.text));
  for (const Node& child : document.children(node)) check_numbers(document, child);
}

void check_reader(std::string_view json) {
  JsonReader reader;
  if (!reader.read_copy(json)) return;
  FAIRLEAD_ASSERT(dom_accepts(json));
  check_numbers(reader.document(), reader.document().root());
  std::string cbor;
  json_to_cbor(reader.document(), cbor);
  std::string back;
  const auto transcoded = cbor_to_json(cbor, back);
  FAIRLEAD_ASSERT(transcoded.has_value());
  std::string again;
  CborEncoder().encode(back, again);
  FAIRLEAD_ASSERT(cbor == again);
}

void check_telemetry(const Telemetry& telemetry) {
  for (const SampleView& sample : telemetry.samples) {
    FAIRLEAD_ASSERT(dom_accepts(sample.metrics_json));
    const std::vector names = {std::string(sample.metrics.front().name)};
    const std::string trimmed = trim_metrics(sample.metrics_json, names);
    JsonReader reader;
    FAIRLEAD_ASSERT(reader.read_copy(trimmed).has_value());
    FAIRLEAD_ASSERT(reader.document().root().children == 1);
    FAIRLEAD_ASSERT(reader.document().find(reader.document().root(), names[0]) != nullptr);
  }
}

void check_error(const Error& error) {
  FAIRLEAD_ASSERT(counts_as_bad(error.code) || error.code == Code::kTooLarge);
  FAIRLEAD_ASSERT(!error.message.empty());
  std::string out;
  write_error(out, {}, error);
  FAIRLEAD_ASSERT(dom_accepts(out));
}

void check_parser(Parser& parser, std::string_view json, char behind) {
  std::vector<char> padded(json.begin(), json.end());
  padded.resize(json.size() + kPaddingBytes, behind);
  const auto parsed = parser.parse(Codec::kJson, {padded.data(), json.size()});
  if (!parsed) return check_error(parsed.error().error);
  FAIRLEAD_ASSERT(dom_accepts(json));
  if (const auto* telemetry = std::get_if<Telemetry>(&parsed->request)) check_telemetry(*telemetry);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static Parser parser;
  check_parser(parser, input, '\0');
  check_parser(parser, input, '}');
  check_reader(input);
  static_cast<void>(parser.parse_telemetry_body(input));
  static_cast<void>(parser.parse_device_body(input));
  static_cast<void>(parser.parse_command_body(input));
  static_cast<void>(parser.parse_fleet_body(input));
  static_cast<void>(Capabilities::parse(input));
  return 0;
}
