#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::protocol {

/// Appends `text`, which is UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

/// Appends a finite number: the shortest digits that read back as the same one, without an exponent
/// where a person would write none.
void append_json_number(std::string& out, double number);

/// Appends JSON to a string: commas by itself, nothing checked beyond that. Cheap to make.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool boolean);
  JsonWriter& value(std::int64_t number);
  /// The shortest text that reads back as the same number; `null` for NaN and infinities, which
  /// JSON has not.
  JsonWriter& value(double number);
  JsonWriter& null();
  /// JSON text, as it is.
  JsonWriter& raw(std::string_view json);

  template <typename T>
  JsonWriter& member(std::string_view name, const T& content) {
    key(name);
    if constexpr (std::integral<T> && !std::same_as<T, bool>) {
      return value(static_cast<std::int64_t>(content));
    } else {
      return value(content);
    }
  }
  template <typename T>
  JsonWriter& member(std::string_view name, const std::optional<T>& content) {
    if (content) return member(name, *content);
    key(name);
    return null();
  }
  JsonWriter& raw_member(std::string_view name, std::string_view json) {
    return key(name).raw(json);
  }

 private:
  void separate();

  std::string& out_;
  bool needs_comma_ = false;
};

}  // namespace fairlead::protocol
