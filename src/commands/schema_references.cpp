#include "commands/schema_references.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <optional>

namespace fairlead::commands {
namespace {

constexpr std::array<std::string_view, 8> kSchemaKeywords = {"additionalItems",
                                                             "additionalProperties",
                                                             "contains",
                                                             "else",
                                                             "if",
                                                             "not",
                                                             "propertyNames",
                                                             "then"};
constexpr std::array<std::string_view, 4> kListKeywords = {"allOf", "anyOf", "items", "oneOf"};
constexpr std::array<std::string_view, 4> kMapKeywords = {"definitions", "dependencies",
                                                          "patternProperties", "properties"};

struct SplitUri {
  std::string document;
  std::string fragment;
};

SplitUri split(std::string_view uri) {
  const std::size_t hash = uri.find('#');
  if (hash == std::string_view::npos) return {std::string(uri), ""};
  return {std::string(uri.substr(0, hash)), std::string(uri.substr(hash + 1))};
}

bool is_absolute(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  return colon != std::string_view::npos && colon < uri.find_first_of("/?#");
}

/// RFC 3986, section 5.2, without dot segments, which nobody needs inside one document.
std::string resolve_uri(const std::string& base, std::string_view reference) {
  if (is_absolute(reference)) return std::string(reference);
  if (reference.empty() || reference.starts_with('#')) return base + std::string(reference);
  const std::size_t authority = base.find("://");
  const std::size_t path_from = authority == std::string::npos ? 0 : authority + 3;
  const std::size_t slash =
      reference.starts_with('/') ? base.find('/', path_from) : base.rfind('/');
  if (slash == std::string::npos || slash < path_from) return std::string(reference);
  const std::size_t kept = reference.starts_with('/') ? slash : slash + 1;
  return base.substr(0, kept) + std::string(reference);
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

/// RFC 6901: `~1` is `/`, `~0` is `~`.
std::string unescaped(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool is_escape = token[i] == '~' && i + 1 < token.size();
    if (is_escape) ++i;
    text += !is_escape ? token[i] : token[i] == '1' ? '/' : '~';
  }
  return text;
}

const JsonValue* child(const JsonValue& value, const std::string& name) {
  if (!value.is(JsonValue::Kind::kArray)) return value.member(name);
  std::size_t place = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), place);
  if (problem != std::errc() || end != name.data() + name.size()) return nullptr;
  return place < value.items().size() ? &value.items()[place] : nullptr;
}

/// `pointer` is empty or begins with a `/`.
const JsonValue* at_pointer(const JsonValue* value, std::string_view pointer) {
  while (value != nullptr && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    value = child(*value, unescaped(pointer.substr(0, end)));
    pointer.remove_prefix(end);
  }
  return value;
}

}  // namespace

SchemaReferences::SchemaReferences(const JsonValue& root) {
  bases_.emplace_back();
  targets_[""] = &root;
  index(root, &bases_.back());
}

void SchemaReferences::index(const JsonValue& schema, const std::string* base) {
  const JsonValue* id = schema.member("$id");
  if (schema.member("$ref") != nullptr) {
    // What stands beside a `$ref` does not count, an `$id` either.
    base_of_[&schema] = base;
  } else if (id != nullptr && id->is(JsonValue::Kind::kString)) {
    const SplitUri uri = split(resolve_uri(*base, id->text()));
    if (!id->text().starts_with('#')) {
      base = &bases_.emplace_back(uri.document);
      targets_.emplace(uri.document, &schema);
    }
    if (!uri.fragment.empty()) targets_.emplace(uri.document + "#" + uri.fragment, &schema);
  }
  index_members(schema, base);
}

void SchemaReferences::index_members(const JsonValue& schema, const std::string* base) {
  for (const std::string_view keyword : kSchemaKeywords) {
    if (const JsonValue* part = schema.member(keyword)) index(*part, base);
  }
  for (const std::string_view keyword : kListKeywords) {
    const JsonValue* list = schema.member(keyword);
    if (list == nullptr) continue;
    if (list->is(JsonValue::Kind::kObject)) index(*list, base);
    if (!list->is(JsonValue::Kind::kArray)) continue;
    for (const JsonValue& part : list->items()) index(part, base);
  }
  for (const std::string_view keyword : kMapKeywords) {
    const JsonValue* map = schema.member(keyword);
    if (map == nullptr || !map->is(JsonValue::Kind::kObject)) continue;
    for (const JsonValue& part : map->items()) index(part, base);
  }
}

const JsonValue* SchemaReferences::resolve(const JsonValue& schema,
                                           std::string_view reference) const {
  const auto known = base_of_.find(&schema);
  const std::string& base = known == base_of_.end() ? bases_.front() : *known->second;
  const SplitUri uri = split(resolve_uri(base, reference));
  const std::string fragment = percent_decoded(uri.fragment);
  const bool is_anchor = !fragment.empty() && !fragment.starts_with('/');
  const auto target = targets_.find(is_anchor ? uri.document + "#" + fragment : uri.document);
  if (target == targets_.end()) return nullptr;
  return is_anchor ? target->second : at_pointer(target->second, fragment);
}

}  // namespace fairlead::commands
