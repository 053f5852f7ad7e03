#include "protocol/json_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "protocol/problems.h"

namespace fairlead::protocol {
namespace {

namespace ondemand = simdjson::ondemand;

// What a text may need before its buffers are dropped again.
constexpr std::size_t kKeepBytes = 256 * 1024;
constexpr std::size_t kSmallestCapacity = 4096;
constexpr std::size_t kShownBytes = 32;
constexpr std::uint32_t kFewMembers = 8;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view without_blank_end(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The string whose first character is at `begin`: simdjson has seen to it that it is closed, and
// the whole text has no escapes.
std::string_view plain_string(const char* begin) {
  const char* end = begin;
  while (*end != '"') ++end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

constexpr bool makes_no_integer(char c) { return c == '.' || c == 'e' || c == 'E'; }

// Whether `number` has an exact counterpart among the integers that a double can tell apart, or
// its text is a plain integer of 64 bits.
void find_integer(Node& node) {
  if (std::ranges::none_of(node.text, makes_no_integer)) {
    const char* const end = node.text.data() + node.text.size();
    const auto read = std::from_chars(node.text.data(), end, node.integer);
    node.is_integer = read.ec == std::errc() && read.ptr == end;
  } else if (std::abs(node.number) <= static_cast<double>(kMaxSafeInteger) &&
             std::trunc(node.number) == node.number) {
    node.is_integer = true;
    node.integer = static_cast<std::int64_t>(node.number);
  }
}

std::uint64_t fingerprint(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

}  // namespace

struct JsonReader::State {
  struct MemberName {
    std::uint64_t hash;
    std::string_view name;
    auto operator<=>(const MemberName&) const = default;
  };

  Result<void> read(std::string_view json);
  void drop_excess(std::size_t bytes);
  bool prepare(std::size_t bytes);
  bool walk_root(std::string_view json);
  bool walk_scalar(std::string_view json);
  bool walk(ondemand::value& value, std::string_view key, std::size_t depth);
  bool walk_object(ondemand::value& value, std::size_t index, std::size_t depth);
  bool walk_array(ondemand::value& value, std::size_t index, std::size_t depth);
  bool end_container(std::size_t index, const char* begin, std::uint32_t count, bool is_root);
  bool take_number(ondemand::value& value, Node& node);
  bool take_string(ondemand::value& value, Node& node);
  bool take_atom(ondemand::value& value, Node& node);
  const Node* doubled_member(const Node& object);
  bool refuse(std::string_view why);
  bool refuse(simdjson::error_code code);

  ReaderBounds bounds{};
  std::unique_ptr<ondemand::parser> parser{};
  ondemand::document source;
  Document document;
  Error error;
  bool has_escapes = false;
  const char* source_end = nullptr;
  std::string copy;
  std::string wrapped;
  std::vector<MemberName> names;
};

bool JsonReader::State::refuse(std::string_view why) {
  if (error.message.empty()) {
    error = {.code = Code::kBadMessage, .message = fmt::format("not valid JSON: {}", why)};
  }
  return false;
}

bool JsonReader::State::refuse(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR:
      return refuse("not UTF-8");
    case simdjson::UNCLOSED_STRING:
      return refuse("a string is not closed");
    case simdjson::UNESCAPED_CHARS:
      return refuse("a control character in a string is not escaped");
    case simdjson::STRING_ERROR:
      return refuse("a bad escape or a lone surrogate in a string");
    case simdjson::EMPTY:
      return refuse("it is empty");
    case simdjson::MEMALLOC:
    case simdjson::CAPACITY:
      error = {.code = Code::kOverloaded, .message = "no memory to read the message"};
      return false;
    default:
      return refuse("a comma, a colon, a bracket or a value is missing or out of place");
  }
}

void JsonReader::State::drop_excess(std::size_t bytes) {
  if (!parser || parser->capacity() <= kKeepBytes || bytes > kKeepBytes) return;
  parser.reset();
  document.shrink();
  std::string().swap(copy);
  std::string().swap(wrapped);
  std::vector<MemberName>().swap(names);
}

bool JsonReader::State::prepare(std::size_t bytes) {
  drop_excess(bytes);
  if (!parser) parser = std::make_unique<ondemand::parser>();
  if (parser->capacity() >= bytes) return true;
  const auto failed = parser->allocate(std::bit_ceil(std::max(bytes, kSmallestCapacity)));
  return !failed || refuse(failed);
}

Result<void> JsonReader::State::read(std::string_view json) {
  document.clear();
  error = {};
  // Without escapes a string's value is its own bytes.
  has_escapes = json.find('\\') != std::string_view::npos;
  json = without_blank_end(json);
  const auto start = std::ranges::find_if_not(json, is_blank);
  if (json.size() > std::numeric_limits<std::uint32_t>::max() / 4) {
    refuse("too long");
  } else if (start == json.end()) {
    refuse("it is empty");
  } else if (*start == '{' || *start == '[') {
    walk_root(json);
  } else {
    walk_scalar(json);
  }
  if (error.message.empty()) return {};
  document.clear();
  return std::unexpected(std::move(error));
}

// Once the last token is known to be a closing bracket, the walk cannot run past the end: it either
// takes that one as the end of a container, after which end_container looks, or fails on it.
bool JsonReader::State::walk_root(std::string_view json) {
  if (json.back() != '}' && json.back() != ']') return refuse("its end is missing or in excess");
  if (!prepare(json.size())) return false;
  const auto view = simdjson::padded_string_view(json, json.size() + simdjson::SIMDJSON_PADDING);
  if (const auto failed = parser->iterate(view).get(source)) return refuse(failed);
  ondemand::value root;
  if (const auto failed = source.get_value().get(root)) return refuse(failed);
  source_end = json.data() + json.size();
  return walk(root, {}, 1);
}

// What simdjson checks of a value inside an array is more than what it checks of one that stands
// alone, so it is put into one.
bool JsonReader::State::walk_scalar(std::string_view json) {
  wrapped.reserve(json.size() + 2 + simdjson::SIMDJSON_PADDING);
  wrapped = '[';
  wrapped += json;
  wrapped += ']';
  if (!walk_root(wrapped)) return false;
  if (document.root().children != 1) return refuse("more than one value");
  document.at(0) = document.at(1);
  document.at(0).next = 1;
  return true;
}

bool JsonReader::State::walk(ondemand::value& value, std::string_view key, std::size_t depth) {
  if (document.size() >= bounds.values) {
    error = {.code = Code::kTooLarge,
             .message = fmt::format("more than {} values in one message", bounds.values),
             .limit = static_cast<std::int64_t>(bounds.values)};
    return false;
  }
  ondemand::json_type type{};
  if (const auto failed = value.type().get(type)) return refuse(failed);
  const std::size_t index = document.append(key);
  Node& node = document.at(index);
  node.next = static_cast<std::uint32_t>(index + 1);
  switch (type) {
    case ondemand::json_type::object:
      node.kind = NodeKind::kObject;
      return walk_object(value, index, depth);
    case ondemand::json_type::array:
      node.kind = NodeKind::kArray;
      return walk_array(value, index, depth);
    case ondemand::json_type::number:
      return take_number(value, node);
    case ondemand::json_type::string:
      return take_string(value, node);
    default:
      return take_atom(value, node);
  }
}

bool JsonReader::State::take_number(ondemand::value& value, Node& node) {
  node.kind = NodeKind::kNumber;
  node.text = without_blank_end(value.raw_json_token());
  if (value.get_double().get(node.number) != simdjson::SUCCESS || !std::isfinite(node.number)) {
    return refuse(
        fmt::format("{} is not a number or out of range", shortened(node.text, kShownBytes)));
  }
  find_integer(node);
  return true;
}

bool JsonReader::State::take_string(ondemand::value& value, Node& node) {
  node.kind = NodeKind::kString;
  if (has_escapes) {
    const auto failed = value.get_string().get(node.text);
    return !failed || refuse(failed);
  }
  simdjson::ondemand::raw_json_string raw;
  if (const auto failed = value.get_raw_json_string().get(raw)) return refuse(failed);
  node.text = plain_string(raw.raw());
  return true;
}

bool JsonReader::State::take_atom(ondemand::value& value, Node& node) {
  node.text = without_blank_end(value.raw_json_token());
  if (node.text == "null") {
    node.kind = NodeKind::kNull;
    bool is_null = false;
    const auto failed = value.is_null().get(is_null);
    return (!failed && is_null) || refuse(failed);
  }
  node.kind = NodeKind::kBoolean;
  const auto failed = value.get_bool().get(node.boolean);
  return !failed || refuse(failed);
}

bool JsonReader::State::walk_object(ondemand::value& value, std::size_t index, std::size_t depth) {
  if (depth > bounds.depth) return refuse(fmt::format("nested deeper than {}", bounds.depth));
  const char* const begin = value.raw_json_token().data();
  ondemand::object object;
  if (const auto failed = value.get_object().get(object)) return refuse(failed);
  std::uint32_t count = 0;
  for (auto entry : object) {
    if (entry.error()) return refuse(entry.error());
    ondemand::field&& field = std::move(entry).value_unsafe();
    std::string_view key;
    if (!has_escapes) {
      key = plain_string(field.key().raw());
    } else if (const auto failed = field.unescaped_key().get(key)) {
      return refuse(failed);
    }
    if (!walk(field.value(), key, depth + 1)) return false;
    ++count;
  }
  if (!end_container(index, begin, count, depth == 1)) return false;
  const Node* const doubled = doubled_member(document.at(index));
  if (doubled == nullptr) return true;
  return refuse(fmt::format("the member \"{}\" is doubled", shortened(doubled->key, kShownBytes)));
}

bool JsonReader::State::walk_array(ondemand::value& value, std::size_t index, std::size_t depth) {
  if (depth > bounds.depth) return refuse(fmt::format("nested deeper than {}", bounds.depth));
  const char* const begin = value.raw_json_token().data();
  ondemand::array array;
  if (const auto failed = value.get_array().get(array)) return refuse(failed);
  std::uint32_t count = 0;
  for (auto entry : array) {
    if (entry.error()) return refuse(entry.error());
    ondemand::value element = entry.value_unsafe();
    if (!walk(element, {}, depth + 1)) return false;
    ++count;
  }
  return end_container(index, begin, count, depth == 1);
}

// The container has just been left: what comes next says where it ended. Behind the root nothing
// may come, behind all else something must; simdjson itself checks neither in every case.
bool JsonReader::State::end_container(std::size_t index, const char* begin, std::uint32_t count,
                                      bool is_root) {
  Node& node = document.at(index);
  node.children = count;
  node.next = static_cast<std::uint32_t>(document.size());
  const char* behind = nullptr;
  const bool is_at_end = source.current_location().get(behind) == simdjson::OUT_OF_BOUNDS;
  if (is_root && !is_at_end) return refuse("its end is missing or in excess");
  if (is_root) behind = source_end;
  if (!is_root && is_at_end) return refuse("an object or array is not closed");
  node.text = without_blank_end({begin, static_cast<std::size_t>(behind - begin)});
  return true;
}

const Node* JsonReader::State::doubled_member(const Node& object) {
  if (object.children < 2) return nullptr;
  if (object.children <= kFewMembers) {
    const Document::Children members = document.children(object);
    for (const Node& member : members) {
      for (const Node& earlier : members) {
        if (&earlier == &member) break;
        if (earlier.key == member.key) return &member;
      }
    }
    return nullptr;
  }
  names.clear();
  for (const Node& member : document.children(object)) {
    names.push_back({.hash = fingerprint(member.key), .name = member.key});
  }
  std::ranges::sort(names);
  const auto doubled = std::ranges::adjacent_find(names);
  return doubled == names.end() ? nullptr : document.find(object, doubled->name);
}

JsonReader::JsonReader(ReaderBounds bounds) : state_(std::make_unique<State>()) {
  state_->bounds = bounds;
}
JsonReader::~JsonReader() = default;

Result<void> JsonReader::read(std::string_view json) { return state_->read(json); }

Result<void> JsonReader::read_copy(std::string_view json) {
  state_->drop_excess(json.size());
  std::string& copy = state_->copy;
  copy.reserve(json.size() + simdjson::SIMDJSON_PADDING);
  copy.assign(json);
  return state_->read({copy.data(), json.size()});
}

const Document& JsonReader::document() const { return state_->document; }

}  // namespace fairlead::protocol
