#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::store::postgres {

/// Types by their object ids, which no version of PostgreSQL changes.
enum class Type : std::uint32_t {
  kBoolean = 16,
  kBigint = 20,
  kText = 25,
  kBigints = 1016,
  kTexts = 1009,
};

/// Appends numbers as the wire has them: most significant byte first.
void put_int16(std::string& out, std::int16_t value);
void put_int32(std::string& out, std::int32_t value);
void put_int64(std::string& out, std::int64_t value);
/// Text as a column holds it: PostgreSQL's has no NUL, so U+FFFD stands for one.
void put_text(std::string& out, std::string_view text);

/// The values of one statement in binary form, $1 first. They are copied.
class Parameters {
 public:
  template <typename... Values>
  explicit Parameters(const Values&... values) {
    (add(values), ...);
  }

  std::size_t size() const { return types_.size(); }
  std::span<const std::uint32_t> types() const { return types_; }
  // As libpq takes them. The pointers last as long as this object.
  std::vector<const char*> values() const;
  std::vector<int> lengths() const;
  std::vector<int> formats() const;

 private:
  void add(std::int64_t value);
  void add(std::same_as<bool> auto value) { add_boolean(value); }
  void add(std::string_view value);
  void add(const std::string& value) { add(std::string_view(value)); }
  void add(const char* value) { add(std::string_view(value)); }
  void add(const std::vector<std::int64_t>& values);
  void add(const std::vector<std::optional<std::string_view>>& values);
  void add(const std::optional<std::int64_t>& value) { add_optional(Type::kBigint, value); }
  void add(const std::optional<std::string>& value) { add_optional(Type::kText, value); }
  void add(const std::optional<std::string_view>& value) { add_optional(Type::kText, value); }

  template <typename T>
  void add_optional(Type type, const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      begin(type);
      places_.back().is_null = true;
    }
  }
  void add_boolean(bool value);
  void begin(Type type);
  void end();

  struct Place {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool is_null = false;
  };
  std::string bytes_;
  std::vector<Place> places_;
  std::vector<std::uint32_t> types_;
};

}  // namespace fairlead::store::postgres
