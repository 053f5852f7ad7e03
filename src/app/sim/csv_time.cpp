#include "app/sim/csv_time.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>

namespace fairlead::app::sim {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kMinuteMs = 60'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// What is left of the text, eaten from the front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool is_at_end() const { return rest_.empty(); }
  bool next_is_digit() const { return !rest_.empty() && is_digit(rest_.front()); }

  /// The first of `any` that comes next, eaten; 0 when none does.
  char take_any(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) return '\0';
    const char taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }

  /// Exactly `count` digits.
  std::optional<int> take_number(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    int number = 0;
    for (const char c : rest_.substr(0, count)) {
      if (!is_digit(c)) return std::nullopt;
      number = number * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return number;
  }

  /// Digits of a fraction of a second, cut to ms.
  std::optional<std::int64_t> take_fraction_ms() {
    std::int64_t ms = 0;
    std::size_t digits = 0;
    for (; next_is_digit(); ++digits, rest_.remove_prefix(1)) {
      if (digits < 3) ms = ms * 10 + (rest_.front() - '0');
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 3; ++digits) ms *= 10;
    return ms;
  }

 private:
  std::string_view rest_;
};

std::optional<std::int64_t> day_ms(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * kDayMs;
}

std::optional<std::int64_t> take_date(Scanner& scanner) {
  const auto year = scanner.take_number(4);
  if (!year) return std::nullopt;
  const char separator = scanner.take_any("-/");
  const auto month = scanner.take_number(2);
  if (!month || (separator != '\0' && scanner.take_any({&separator, 1}) == '\0')) {
    return std::nullopt;
  }
  const auto day = scanner.take_number(2);
  if (!day) return std::nullopt;
  return day_ms(*year, *month, *day);
}

std::optional<std::int64_t> take_time_of_day(Scanner& scanner) {
  const auto hour = scanner.take_number(2);
  if (!hour || *hour > 24) return std::nullopt;
  std::int64_t ms = *hour * kHourMs;
  const bool is_extended = scanner.take_any(":") != '\0';
  if (!is_extended && !scanner.next_is_digit()) return ms;
  const auto minute = scanner.take_number(2);
  if (!minute || *minute > 59) return std::nullopt;
  ms += *minute * kMinuteMs;
  if (is_extended ? scanner.take_any(":") != '\0' : scanner.next_is_digit()) {
    // 60 is a leap second.
    const auto second = scanner.take_number(2);
    if (!second || *second > 60) return std::nullopt;
    ms += *second * 1000;
    if (scanner.take_any(".,") != '\0') {
      const auto fraction = scanner.take_fraction_ms();
      if (!fraction) return std::nullopt;
      ms += *fraction;
    }
  }
  if (ms > kDayMs) return std::nullopt;
  return ms;
}

/// What to subtract to come to UTC.
std::optional<std::int64_t> take_zone(Scanner& scanner) {
  if (scanner.is_at_end() || scanner.take_any("Zz") != '\0') return 0;
  const char sign = scanner.take_any("+-");
  if (sign == '\0') return std::nullopt;
  const auto hours = scanner.take_number(2);
  if (!hours || *hours > 14) return std::nullopt;
  std::int64_t offset = *hours * kHourMs;
  if (scanner.take_any(":") != '\0' || scanner.next_is_digit()) {
    const auto minutes = scanner.take_number(2);
    if (!minutes || *minutes > 59) return std::nullopt;
    offset += *minutes * kMinuteMs;
  }
  return sign == '+' ? offset : -offset;
}

std::optional<std::int64_t> parse_calendar(std::string_view text) {
  Scanner scanner(text);
  const auto date = take_date(scanner);
  if (!date) return std::nullopt;
  if (scanner.is_at_end()) return date;
  if (scanner.take_any("Tt ") == '\0') return std::nullopt;
  const auto time = take_time_of_day(scanner);
  if (!time) return std::nullopt;
  scanner.take_any(" ");
  const auto zone = take_zone(scanner);
  if (!zone || !scanner.is_at_end()) return std::nullopt;
  return *date + *time - *zone;
}

std::optional<std::int64_t> parse_epoch(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    return std::nullopt;
  }
  // Seconds reach 1e11 in the year 5138; each finer unit is a thousand times as big.
  const double size = std::abs(number);
  const double to_ms = size < 1e11 ? 1e3 : size < 1e14 ? 1 : size < 1e17 ? 1e-3 : 1e-6;
  if (size * to_ms > 1e15) return std::nullopt;
  return std::llround(number * to_ms);
}

bool is_day(std::string_view text) {
  if (text.size() != 8 || !std::ranges::all_of(text, is_digit)) return false;
  return text >= "19000101" && text < "21010101" && parse_calendar(text).has_value();
}

}  // namespace

std::optional<std::int64_t> parse_csv_time(std::string_view text) {
  if (is_day(text)) return parse_calendar(text);
  if (const auto epoch = parse_epoch(text)) return epoch;
  return parse_calendar(text);
}

}  // namespace fairlead::app::sim
