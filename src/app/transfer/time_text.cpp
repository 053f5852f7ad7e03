#include "app/transfer/time_text.h"

#include <charconv>
#include <system_error>

#include "app/sim/csv_time.h"

namespace fairlead::app::transfer {

std::optional<std::int64_t> parse_time(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end == text.data() + text.size() && error == std::errc()) return number;
  return sim::parse_csv_time(text);
}

}  // namespace fairlead::app::transfer
