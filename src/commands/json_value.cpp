#include "commands/json_value.h"

#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace fairlead::commands {
namespace ondemand = simdjson::ondemand;

namespace {

/// Room for what the protocol lets through (64) and what wraps it.
constexpr int kMaxDepth = 80;

}  // namespace

/// Reads the tree; each function is false when the text is not JSON.
class JsonTree {
 public:
  // On-demand values are read by type: asking an error for its type is an error again.
  static bool read(simdjson::simdjson_result<ondemand::value> source, JsonValue& out, int depth) {
    ondemand::json_type type{};
    if (depth > kMaxDepth || source.type().get(type)) return false;
    switch (type) {
      case ondemand::json_type::null:
        out.kind_ = JsonValue::Kind::kNull;
        return source.is_null().value_unsafe();
      case ondemand::json_type::boolean:
        out.kind_ = JsonValue::Kind::kBoolean;
        return !source.get_bool().get(out.boolean_);
      case ondemand::json_type::number:
        return read_number(source.raw_json_token(), out);
      case ondemand::json_type::string:
        return read_string(source.get_string(), out);
      case ondemand::json_type::array:
        return read_array(source.get_array(), out, depth);
      case ondemand::json_type::object:
        return read_object(source.get_object(), out, depth);
    }
    return false;
  }

  static bool read_number(simdjson::simdjson_result<std::string_view> token, JsonValue& out) {
    std::string_view text;
    if (std::move(token).get(text)) return false;
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    const auto number = Decimal::parse(text);
    if (!number) return false;
    out.kind_ = JsonValue::Kind::kNumber;
    out.number_ = *number;
    return true;
  }

  static bool read_string(simdjson::simdjson_result<std::string_view> source, JsonValue& out) {
    std::string_view text;
    if (std::move(source).get(text)) return false;
    out.kind_ = JsonValue::Kind::kString;
    out.text_ = text;
    return true;
  }

 private:
  static bool read_array(simdjson::simdjson_result<ondemand::array> source, JsonValue& out,
                         int depth) {
    if (source.error() != simdjson::SUCCESS) return false;
    ondemand::array array = source.value_unsafe();
    out.kind_ = JsonValue::Kind::kArray;
    for (auto item : array) {
      if (!read(item, out.items_.emplace_back(), depth + 1)) return false;
    }
    return true;
  }

  static bool read_object(simdjson::simdjson_result<ondemand::object> source, JsonValue& out,
                          int depth) {
    if (source.error() != simdjson::SUCCESS) return false;
    ondemand::object object = source.value_unsafe();
    out.kind_ = JsonValue::Kind::kObject;
    std::vector<std::pair<std::string, JsonValue>> members;
    for (auto field : object) {
      std::string_view name;
      if (field.unescaped_key().get(name)) return false;
      members.emplace_back(std::string(name), JsonValue());
      if (!read(field.value(), members.back().second, depth + 1)) return false;
    }
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [name, value] : members) {
      out.keys_.push_back(std::move(name));
      out.items_.push_back(std::move(value));
    }
    return true;
  }
};

std::optional<JsonValue> JsonValue::parse(std::string_view json) {
  const simdjson::padded_string padded(json);
  ondemand::parser parser;
  ondemand::document document;
  if (parser.iterate(padded).get(document)) return std::nullopt;
  JsonValue value;
  ondemand::json_type type{};
  if (document.type().get(type)) return std::nullopt;
  bool is_good = false;
  // A scalar document is no on-demand value.
  if (type == ondemand::json_type::array || type == ondemand::json_type::object) {
    is_good = JsonTree::read(document.get_value(), value, 0);
  } else if (type == ondemand::json_type::number) {
    is_good = JsonTree::read_number(document.raw_json_token(), value);
  } else if (type == ondemand::json_type::string) {
    is_good = JsonTree::read_string(document.get_string(), value);
  } else if (type == ondemand::json_type::boolean) {
    value.kind_ = Kind::kBoolean;
    is_good = !document.get_bool().get(value.boolean_);
  } else {
    is_good = document.is_null();
  }
  if (!is_good) return std::nullopt;
  return value;
}

JsonValue JsonValue::of_text(std::string text) {
  JsonValue value;
  value.kind_ = Kind::kString;
  value.text_ = std::move(text);
  return value;
}

const JsonValue* JsonValue::member(std::string_view name) const {
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), name);
  if (found == keys_.end() || *found != name) return nullptr;
  return &items_[static_cast<std::size_t>(found - keys_.begin())];
}

std::size_t JsonValue::size() const {
  std::size_t size = 1;
  for (const JsonValue& item : items_) size += item.size();
  return size;
}

void JsonValue::write_canonical(std::string& out) const {
  const auto put = [&out](const std::string& text) {
    out += std::to_string(text.size());
    out += ':';
    out += text;
  };
  out += static_cast<char>('0' + static_cast<char>(kind_));
  if (kind_ == Kind::kBoolean) out += boolean_ ? 't' : 'f';
  if (kind_ == Kind::kNumber) put(number_.to_string());
  if (kind_ == Kind::kString) put(text_);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (kind_ == Kind::kObject) put(keys_[i]);
    items_[i].write_canonical(out);
  }
  if (kind_ == Kind::kArray || kind_ == Kind::kObject) out += ']';
}

bool is_same_json(const std::optional<std::string>& left, const std::optional<std::string>& right) {
  if (left == right) return true;
  const auto left_value = JsonValue::parse(left.value_or("null"));
  const auto right_value = JsonValue::parse(right.value_or("null"));
  return left_value && right_value && *left_value == *right_value;
}

}  // namespace fairlead::commands
