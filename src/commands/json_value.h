#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/decimal.h"

namespace fairlead::commands {

/// A JSON value as a tree, for what is compared or validated by value: 1 equals 1.0, and the order
/// of an object's members does not count.
class JsonValue {
 public:
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

  /// nullopt when `json` is not JSON or is nested deeper than the protocol allows by far.
  static std::optional<JsonValue> parse(std::string_view json);

  /// The string `text`.
  static JsonValue of_text(std::string text);

  bool is(Kind kind) const { return kind_ == kind; }
  Kind kind() const { return kind_; }
  bool boolean() const { return boolean_; }
  const Decimal& number() const { return number_; }
  const std::string& text() const { return text_; }
  /// Of an array its items, of an object the values in the order of keys().
  const std::vector<JsonValue>& items() const { return items_; }
  /// Sorted.
  const std::vector<std::string>& keys() const { return keys_; }
  /// Null when this is no object or has no such member.
  const JsonValue* member(std::string_view name) const;
  /// Values in this tree, itself included.
  std::size_t size() const;
  /// Appends a text that is the same for equal values, and only for these.
  void write_canonical(std::string& out) const;

  friend bool operator==(const JsonValue&, const JsonValue&) = default;

 private:
  friend class JsonTree;

  Kind kind_ = Kind::kNull;
  bool boolean_ = false;
  Decimal number_;
  std::string text_;
  std::vector<std::string> keys_;
  std::vector<JsonValue> items_;
};

/// Equal as JSON values; none is as `null`.
bool is_same_json(const std::optional<std::string>& left, const std::optional<std::string>& right);

}  // namespace fairlead::commands
