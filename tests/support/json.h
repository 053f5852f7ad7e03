#pragma once

#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fairlead::support {

/// A JSON value as a test wants it: `json["metrics"]["temperature"] == 21.5`. A member that is not
/// there is a value of its own kind ("missing") that equals nothing, so that a check on it fails
/// and prints what was there instead of ending the test.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) : value_(nullptr) {}
  Json(bool value) : value_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  /// Throws Failure when `text` is not JSON, or when an object in it has a member twice.
  static Json parse(std::string_view text);

  bool exists() const { return !std::holds_alternative<Missing>(value_); }
  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_number() const;

  /// These throw Failure, which shows the value, when it is of another kind.
  std::int64_t as_int() const;
  double as_double() const;
  bool as_bool() const;
  const std::string& as_string() const;
  const Array& items() const;
  const Object& members() const;

  /// The member or element, or a missing value.
  const Json& operator[](std::string_view name) const;
  const Json& operator[](std::size_t index) const;
  /// Elements of an array, members of an object, 0 for all else.
  std::size_t size() const;

  /// The same object with the member set, or without it.
  Json with(std::string_view name, Json value) const;
  Json without(std::string_view name) const;

  std::string dump() const;

  /// Numbers compare by value (5 and 5.0 are one), objects without regard to order.
  friend bool operator==(const Json& left, const Json& right) { return left.equals(right); }

 private:
  struct Missing {};
  bool equals(const Json& other) const;
  void write(std::string& out) const;

  std::variant<Missing, std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>
      value_;
};

std::ostream& operator<<(std::ostream& out, const Json& json);

namespace detail {
inline void put_members(Json::Object&) {}
template <class Value, class... Rest>
void put_members(Json::Object& object, std::string_view name, Value&& value, Rest&&... rest) {
  object.emplace_back(std::string(name), Json(std::forward<Value>(value)));
  put_members(object, std::forward<Rest>(rest)...);
}
}  // namespace detail

/// obj("type", "telemetry", "seq", 4, "metrics", obj("temperature", 21.5))
template <class... Members>
Json obj(Members&&... members) {
  Json::Object object;
  detail::put_members(object, std::forward<Members>(members)...);
  return Json(std::move(object));
}

/// arr("boiler-1", "pump-*")
template <class... Items>
Json arr(Items&&... items) {
  Json::Array array;
  (array.emplace_back(std::forward<Items>(items)), ...);
  return Json(std::move(array));
}

}  // namespace fairlead::support
