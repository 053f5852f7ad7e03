#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::commands {

/// A JSON number, exact: digits times a power of ten, without zeros at either end.
class Decimal {
 public:
  Decimal() = default;
  /// nullopt when `text` is no JSON number or its exponent is beyond all use.
  static std::optional<Decimal> parse(std::string_view text);

  bool is_zero() const { return digits_.empty(); }
  bool is_negative() const { return is_negative_; }
  bool is_integer() const { return is_zero() || exponent_ >= 0; }
  /// False for a divisor of 0.
  bool is_multiple_of(const Decimal& divisor) const;
  /// The value as a count; nullopt when it is negative, broken or over 10^15.
  std::optional<std::size_t> as_count() const;
  std::size_t digit_count() const { return digits_.size(); }
  /// As a person writes it; equal numbers have equal texts.
  std::string to_string() const;

  friend bool operator==(const Decimal&, const Decimal&) = default;
  friend std::strong_ordering operator<=>(const Decimal& left, const Decimal& right);

 private:
  /// Where the first digit stands: 10^rank() times a number in [1, 10).
  std::int64_t rank() const { return exponent_ + static_cast<std::int64_t>(digits_.size()) - 1; }
  static std::strong_ordering compare_sizes(const Decimal& left, const Decimal& right);

  bool is_negative_ = false;
  std::string digits_;
  std::int64_t exponent_ = 0;
};

}  // namespace fairlead::commands
