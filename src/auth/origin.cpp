#include "auth/origin.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace fairlead::auth {

namespace {

constexpr std::size_t kMaxOriginBytes = 512;

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }

bool is_scheme(std::string_view text) {
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

bool is_host_character(char c) {
  return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
bool is_host(std::string_view text) {
  if (!text.starts_with('[')) return !text.empty() && std::ranges::all_of(text, is_host_character);
  if (!text.ends_with(']') || text.size() < 4) return false;
  return std::ranges::all_of(text.substr(1, text.size() - 2),
                             [](char c) { return is_host_character(c) || c == ':'; });
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, is_digit);
}

std::string_view default_port_of(std::string_view scheme) {
  if (scheme == "http") return "80";
  if (scheme == "https") return "443";
  return {};
}

/// `scheme://host[:port]` in one spelling; nothing if it is no origin.
std::optional<std::string> normalised(std::string_view scheme, std::string_view authority) {
  const std::size_t after_brackets = authority.find(']');
  const std::size_t colon =
      authority.find(':', after_brackets == std::string_view::npos ? 0 : after_brackets);
  const std::string_view host = authority.substr(0, colon);
  if (!is_scheme(scheme) || !is_host(host)) return std::nullopt;
  std::string origin(scheme);
  origin += "://";
  origin += host;
  std::ranges::transform(origin, origin.begin(), to_lower);
  if (colon == std::string_view::npos) return origin;
  const std::string_view port = authority.substr(colon + 1);
  if (!is_port(port)) return std::nullopt;
  if (port != default_port_of(origin.substr(0, scheme.size()))) {
    origin += ':';
    origin += port;
  }
  return origin;
}

std::optional<std::string> normalised(std::string_view origin) {
  const std::size_t end = origin.find("://");
  if (end == std::string_view::npos || origin.size() > kMaxOriginBytes) return std::nullopt;
  return normalised(origin.substr(0, end), origin.substr(end + 3));
}

}  // namespace

Result<OriginPolicy> OriginPolicy::make(const std::vector<std::string>& allowed) {
  OriginPolicy policy;
  for (const std::string& entry : allowed) {
    if (entry == "*") {
      policy.allows_all_ = true;
    } else if (entry == "null") {
      policy.allows_null_ = true;
    } else if (auto origin = normalised(entry)) {
      policy.allowed_.push_back(std::move(*origin));
    } else {
      return fail(Code::kInvalid,
                  "http.allowed_origins: \"{}\" is not scheme://host[:port], null or *", entry);
    }
  }
  return policy;
}

bool OriginPolicy::allows(std::optional<std::string_view> origin, std::string_view host,
                          bool is_tls) const {
  if (!origin) return true;
  if (*origin == "null") return allows_null_;
  const auto asked = normalised(*origin);
  if (!asked) return false;
  if (allows_all_ || std::ranges::find(allowed_, *asked) != allowed_.end()) return true;
  return asked == normalised(is_tls ? "https" : "http", host);
}

}  // namespace fairlead::auth
