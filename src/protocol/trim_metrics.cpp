#include <algorithm>

#include "protocol/events.h"

namespace fairlead::protocol {
namespace {

constexpr std::string_view kBlank = " \t\n\r";

/// Steps through the members of a metrics object. The text is known to be valid, its values are
/// scalars, and names are ASCII, though a device may have written one with escapes.
class MetricCursor {
 public:
  explicit MetricCursor(std::string_view json) : rest_(json) {
    rest_.remove_prefix(rest_.find('{') + 1);
  }

  bool next() {
    skip_blank();
    if (!rest_.empty() && rest_.front() == ',') {
      rest_.remove_prefix(1);
      skip_blank();
    }
    if (rest_.empty() || rest_.front() != '"') return false;
    key_ = take(string_end());
    rest_.remove_prefix(std::min(rest_.find(':') + 1, rest_.size()));
    skip_blank();
    const bool is_string = !rest_.empty() && rest_.front() == '"';
    value_ =
        take(is_string ? string_end() : std::min(rest_.find_first_of(",} \t\n\r"), rest_.size()));
    return true;
  }

  /// With their quotes.
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  void skip_blank() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
  }

  // Behind the closing quote of the string that begins here.
  std::size_t string_end() const {
    std::size_t at = 1;
    while (at < rest_.size() && rest_[at] != '"') at += rest_[at] == '\\' ? 2 : 1;
    return std::min(at + 1, rest_.size());
  }

  std::string_view take(std::size_t length) {
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  std::string_view rest_;
  std::string_view key_;
  std::string_view value_;
};

constexpr char hex_value(char c) {
  return static_cast<char>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

// A metric's name has letters, digits and `_ . : / -`: of the escapes only \/ and \u00xx make
// those.
std::string unescaped(std::string_view name) {
  std::string plain;
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (name[at] != '\\') {
      plain += name[at];
    } else if (at + 5 < name.size() && name[at + 1] == 'u') {
      plain += static_cast<char>(hex_value(name[at + 4]) * 16 + hex_value(name[at + 5]));
      at += 5;
    } else if (at + 1 < name.size()) {
      plain += name[++at];
    }
  }
  return plain;
}

bool is_named(std::string_view quoted, std::span<const std::string> sorted_names) {
  const std::string_view name = quoted.substr(1, quoted.size() - 2);
  if (name.find('\\') == std::string_view::npos) {
    return std::ranges::binary_search(sorted_names, name, std::less<>{});
  }
  return std::ranges::binary_search(sorted_names, unescaped(name));
}

}  // namespace

std::string trim_metrics(std::string_view metrics_json, std::span<const std::string> sorted_names) {
  std::string trimmed = "{";
  for (MetricCursor cursor(metrics_json); cursor.next();) {
    if (!is_named(cursor.key(), sorted_names)) continue;
    if (trimmed.size() > 1) trimmed += ',';
    trimmed.append(cursor.key()).append(":").append(cursor.value());
  }
  return trimmed + "}";
}

}  // namespace fairlead::protocol
