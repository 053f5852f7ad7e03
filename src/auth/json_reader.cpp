#include "auth/json_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "auth/base64url.h"
#include "base/assert.h"

namespace fairlead::auth {

namespace {

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kFirstCapacity = 1024;
/// Up to so many names comparing each with each is the fastest.
constexpr std::ptrdiff_t kFewNames = 16;

bool has_equal_ones(std::span<std::string_view> names) {
  if (std::ssize(names) > kFewNames) {
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) != names.end();
  }
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (std::ranges::find(names.first(i), names[i]) != names.begin() + std::ptrdiff_t(i)) {
      return true;
    }
  }
  return false;
}

}  // namespace

JsonReader::JsonReader() {
  // The parser grows by itself later, and keeps the depth.
  FAIRLEAD_ASSERT(parser_.allocate(kFirstCapacity, kMaxDepth) == simdjson::SUCCESS);
}

std::expected<JsonReader::Object, JsonReader::Reason> JsonReader::read(std::string_view text) {
  std::memcpy(room_for(text.size()), text.data(), text.size());
  return parse(text.size());
}

std::expected<JsonReader::Object, JsonReader::Reason> JsonReader::read_base64url(
    std::string_view text) {
  const auto bytes = decode_base64url(text, room_for(decoded_size(text.size())));
  if (!bytes) return std::unexpected(Reason("is not base64url"));
  return parse(*bytes);
}

char* JsonReader::room_for(std::size_t bytes) {
  if (buffer_.size() < bytes + simdjson::SIMDJSON_PADDING) {
    buffer_.resize(bytes + simdjson::SIMDJSON_PADDING);
  }
  return buffer_.data();
}

std::expected<JsonReader::Object, JsonReader::Reason> JsonReader::parse(std::size_t bytes) {
  simdjson::dom::element root;
  if (parser_.parse(buffer_.data(), bytes, false).get(root) != simdjson::SUCCESS) {
    return std::unexpected(Reason("is not valid JSON"));
  }
  Object object;
  if (root.get(object) != simdjson::SUCCESS) {
    return std::unexpected(Reason("is not a JSON object"));
  }
  names_.clear();
  if (has_doubled_member(object)) return std::unexpected(Reason("has a member twice"));
  return object;
}

bool JsonReader::has_doubled_member(simdjson::dom::object object) {
  const std::size_t first = names_.size();
  for (const auto& field : object) names_.push_back(field.key);
  if (has_equal_ones(std::span(names_).subspan(first))) return true;
  names_.resize(first);
  return std::ranges::any_of(object,
                             [this](const auto& field) { return has_doubled_member(field.value); });
}

// The recursion is bounded by kMaxDepth.
bool JsonReader::has_doubled_member(simdjson::dom::element element) {
  if (element.is_object()) return has_doubled_member(element.get_object().value_unsafe());
  if (!element.is_array()) return false;
  return std::ranges::any_of(
      element.get_array().value_unsafe(),
      [this](simdjson::dom::element item) { return has_doubled_member(item); });
}

}  // namespace fairlead::auth
