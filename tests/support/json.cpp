#include "support/json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "support/failure.h"

namespace fairlead::support {
namespace {

const Json& missing() {
  static const Json value;
  return value;
}

Json convert(const simdjson::dom::element& element);

Json convert_object(const simdjson::dom::object& source) {
  Json::Object object;
  for (const auto& [name, value] : source) {
    for (const auto& [known, ignored] : object) {
      if (known == name) throw Failure(fmt::format("the member \"{}\" is there twice", name));
    }
    object.emplace_back(std::string(name), convert(value));
  }
  return Json(std::move(object));
}

Json convert_array(const simdjson::dom::array& source) {
  Json::Array array;
  for (const simdjson::dom::element item : source) array.push_back(convert(item));
  return Json(std::move(array));
}

Json convert(const simdjson::dom::element& element) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::ARRAY:
      return convert_array(element.get_array().value());
    case element_type::OBJECT:
      return convert_object(element.get_object().value());
    case element_type::INT64:
      return Json(element.get_int64().value());
    case element_type::UINT64:
      return Json(static_cast<double>(element.get_uint64().value()));
    case element_type::DOUBLE:
      return Json(element.get_double().value());
    case element_type::STRING:
      return Json(std::string_view(element.get_string().value()));
    case element_type::BOOL:
      return Json(element.get_bool().value());
    case element_type::NULL_VALUE:
      return Json(nullptr);
  }
  throw Failure("a JSON value of no known type");
}

void write_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

Json Json::parse(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (const auto error = parser.parse(simdjson::padded_string(text)).get(root)) {
    throw Failure(fmt::format("not JSON ({}): {}", simdjson::error_message(error), text));
  }
  try {
    return convert(root);
  } catch (const Failure& failure) {
    throw Failure(fmt::format("{}: {}", failure.what(), text));
  }
}

bool Json::is_number() const {
  return std::holds_alternative<std::int64_t>(value_) || std::holds_alternative<double>(value_);
}

std::int64_t Json::as_int() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  if (const auto* value = std::get_if<double>(&value_); value && *value == std::floor(*value)) {
    return static_cast<std::int64_t>(*value);
  }
  throw Failure("not an integer: " + dump());
}

double Json::as_double() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  throw Failure("not a number: " + dump());
}

bool Json::as_bool() const {
  if (const auto* value = std::get_if<bool>(&value_)) return *value;
  throw Failure("not a boolean: " + dump());
}

const std::string& Json::as_string() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return *value;
  throw Failure("not a string: " + dump());
}

const Json::Array& Json::items() const {
  if (const auto* value = std::get_if<Array>(&value_)) return *value;
  throw Failure("not an array: " + dump());
}

const Json::Object& Json::members() const {
  if (const auto* value = std::get_if<Object>(&value_)) return *value;
  throw Failure("not an object: " + dump());
}

const Json& Json::operator[](std::string_view name) const {
  if (const auto* object = std::get_if<Object>(&value_)) {
    for (const auto& [known, value] : *object) {
      if (known == name) return value;
    }
  }
  return missing();
}

const Json& Json::operator[](std::size_t index) const {
  const auto* array = std::get_if<Array>(&value_);
  return array != nullptr && index < array->size() ? (*array)[index] : missing();
}

std::size_t Json::size() const {
  if (const auto* array = std::get_if<Array>(&value_)) return array->size();
  if (const auto* object = std::get_if<Object>(&value_)) return object->size();
  return 0;
}

Json Json::without(std::string_view name) const {
  Object object = members();
  std::erase_if(object, [&](const Member& member) { return member.first == name; });
  return Json(std::move(object));
}

Json Json::with(std::string_view name, Json value) const {
  Object object = members();
  for (auto& [known, old] : object) {
    if (known == name) {
      old = std::move(value);
      return Json(std::move(object));
    }
  }
  object.emplace_back(std::string(name), std::move(value));
  return Json(std::move(object));
}

bool Json::equals(const Json& other) const {
  if (!exists() || !other.exists()) return false;
  if (is_number() && other.is_number()) {
    const auto* left = std::get_if<std::int64_t>(&value_);
    const auto* right = std::get_if<std::int64_t>(&other.value_);
    return left != nullptr && right != nullptr ? *left == *right : as_double() == other.as_double();
  }
  if (value_.index() != other.value_.index()) return false;
  if (is_null()) return true;
  if (const auto* value = std::get_if<bool>(&value_)) return *value == other.as_bool();
  if (is_string()) return as_string() == other.as_string();
  if (size() != other.size()) return false;
  if (is_array()) return items() == other.items();
  return std::ranges::all_of(
      members(), [&](const Member& member) { return member.second == other[member.first]; });
}

void Json::write(std::string& out) const {
  if (!exists()) {
    out += "(missing)";
  } else if (is_null()) {
    out += "null";
  } else if (const auto* truth = std::get_if<bool>(&value_)) {
    out += *truth ? "true" : "false";
  } else if (const auto* integer = std::get_if<std::int64_t>(&value_)) {
    fmt::format_to(std::back_inserter(out), "{}", *integer);
  } else if (const auto* number = std::get_if<double>(&value_)) {
    fmt::format_to(std::back_inserter(out), "{}", *number);
  } else if (is_string()) {
    write_string(as_string(), out);
  } else if (is_array()) {
    std::string_view separator = "[";
    if (size() == 0) out += separator;
    for (const Json& item : items()) {
      out += std::exchange(separator, ",");
      item.write(out);
    }
    out += ']';
  } else {
    std::string_view separator = "{";
    if (size() == 0) out += separator;
    for (const auto& [name, value] : members()) {
      out += std::exchange(separator, ",");
      write_string(name, out);
      out += ':';
      value.write(out);
    }
    out += '}';
  }
}

std::string Json::dump() const {
  std::string out;
  write(out);
  return out;
}

std::ostream& operator<<(std::ostream& out, const Json& json) { return out << json.dump(); }

}  // namespace fairlead::support
