#include "commands/decimal.h"

#include <algorithm>
#include <charconv>

namespace fairlead::commands {
namespace {

/// Beyond any double; keeps every calculation on exponents far from overflow.
constexpr std::int64_t kMaxExponent = 1'000'000;
/// Divisors up to here keep the remainder of a long division in 64 bits.
constexpr std::size_t kMaxDivisorDigits = 18;
/// Numbers with more zeros are written with an exponent.
constexpr std::int64_t kMaxPlainZeros = 20;

/// Moves the digits at the front of `text` to the end of `digits`; how many there were.
std::size_t take_digits(std::string_view& text, std::string& digits) {
  const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
  digits += text.substr(0, count);
  text.remove_prefix(count);
  return count;
}

bool take(std::string_view& text, std::string_view choices) {
  if (text.empty() || choices.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> parse_exponent(std::string_view text) {
  const bool is_plus = take(text, "+");
  if (is_plus && text.starts_with('-')) return std::nullopt;
  std::int64_t exponent = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (std::max(exponent, -exponent) > kMaxExponent) return std::nullopt;
  return exponent;
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
  Decimal number;
  number.is_negative_ = take(text, "-");
  const bool is_zero_first = text.starts_with('0');
  const std::size_t whole = take_digits(text, number.digits_);
  if (whole == 0 || (is_zero_first && whole > 1)) return std::nullopt;
  if (take(text, ".")) {
    const std::size_t fraction = take_digits(text, number.digits_);
    if (fraction == 0) return std::nullopt;
    number.exponent_ = -static_cast<std::int64_t>(fraction);
  }
  if (take(text, "eE")) {
    const auto exponent = parse_exponent(text);
    if (!exponent) return std::nullopt;
    number.exponent_ += *exponent;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  number.digits_.erase(0, std::min(number.digits_.find_first_not_of('0'), number.digits_.size()));
  while (number.digits_.ends_with('0')) {
    number.digits_.pop_back();
    ++number.exponent_;
  }
  if (number.is_zero()) return Decimal();
  return number;
}

bool Decimal::is_multiple_of(const Decimal& divisor) const {
  if (divisor.is_zero()) return false;
  if (is_zero()) return true;
  // Our last digit is no zero, so nothing is left over below the divisor's last one.
  if (exponent_ < divisor.exponent_) return false;
  if (divisor.digits_.size() > kMaxDivisorDigits) return false;
  std::uint64_t by = 0;
  std::from_chars(divisor.digits_.data(), divisor.digits_.data() + divisor.digits_.size(), by);
  std::uint64_t remainder = 0;
  for (const char digit : digits_) {
    remainder = (remainder * 10 + static_cast<std::uint64_t>(digit - '0')) % by;
  }
  for (std::int64_t i = divisor.exponent_; i < exponent_ && remainder != 0; ++i) {
    remainder = remainder * 10 % by;
  }
  return remainder == 0;
}

std::optional<std::size_t> Decimal::as_count() const {
  if (is_zero()) return 0;
  if (is_negative_ || !is_integer() || rank() > 15) return std::nullopt;
  std::size_t count = 0;
  std::from_chars(digits_.data(), digits_.data() + digits_.size(), count);
  for (std::int64_t i = 0; i < exponent_; ++i) count *= 10;
  return count;
}

std::string Decimal::to_string() const {
  if (is_zero()) return "0";
  const std::string sign = is_negative_ ? "-" : "";
  const auto size = static_cast<std::int64_t>(digits_.size());
  if (exponent_ >= 0 && exponent_ <= kMaxPlainZeros) {
    return sign + digits_ + std::string(static_cast<std::size_t>(exponent_), '0');
  }
  if (exponent_ < 0 && exponent_ >= -kMaxPlainZeros) {
    const auto zeros = static_cast<std::size_t>(std::max<std::int64_t>(0, 1 - exponent_ - size));
    std::string text = std::string(zeros, '0') + digits_;
    text.insert(text.size() - static_cast<std::size_t>(-exponent_), ".");
    return sign + text;
  }
  return sign + digits_ + "e" + std::to_string(exponent_);
}

std::strong_ordering operator<=>(const Decimal& left, const Decimal& right) {
  if (left.is_negative_ != right.is_negative_) return right.is_negative_ <=> left.is_negative_;
  return left.is_negative_ ? Decimal::compare_sizes(right, left)
                           : Decimal::compare_sizes(left, right);
}

std::strong_ordering Decimal::compare_sizes(const Decimal& left, const Decimal& right) {
  if (left.is_zero() || right.is_zero()) return right.is_zero() <=> left.is_zero();
  if (left.rank() != right.rank()) return left.rank() <=> right.rank();
  return left.digits_.compare(right.digits_) <=> 0;
}

}  // namespace fairlead::commands
