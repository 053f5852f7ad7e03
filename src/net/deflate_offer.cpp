#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "net/deflate.h"
#include "net/tokens.h"

namespace fairlead::net {
namespace {

struct Offer {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;
  bool names_server_bits = false;
};

std::string_view without_quotes(std::string_view value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

/// 8 to 15, decimal, no leading zero (RFC 7692, 7.1.2).
std::optional<int> window_bits(std::string_view value) {
  value = without_quotes(value);
  int bits = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bits);
  const bool is_number = error == std::errc{} && end == value.data() + value.size();
  if (!is_number || value.front() == '0' || bits < 8 || bits > 15) return std::nullopt;
  return bits;
}

bool take_parameter(Offer& offer, std::string_view name, std::optional<std::string_view> value) {
  if (name == "server_no_context_takeover") {
    offer.server_no_context_takeover = true;
    return !value;
  }
  if (name == "client_no_context_takeover") {
    offer.client_no_context_takeover = true;
    return !value;
  }
  if (name == "client_max_window_bits") return !value || window_bits(*value).has_value();
  if (name != "server_max_window_bits" || !value) return false;
  const std::optional<int> bits = window_bits(*value);
  offer.names_server_bits = true;
  offer.server_max_window_bits = bits.value_or(0);
  return bits.has_value();
}

std::optional<Offer> parse_offer(std::string_view text) {
  const auto parts = split_list(text, ';');
  if (parts.empty() || parts.front() != "permessage-deflate") return std::nullopt;
  Offer offer;
  std::set<std::string_view> seen;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    const std::string_view name = trim(parts[i].substr(0, equals));
    std::optional<std::string_view> value;
    if (equals != std::string_view::npos) value = trim(parts[i].substr(equals + 1));
    if (!seen.insert(name).second || !take_parameter(offer, name, value)) return std::nullopt;
  }
  return offer;
}

}  // namespace

std::optional<DeflateAgreement> negotiate_deflate(std::string_view offers,
                                                  const DeflateOptions& options) {
  for (const std::string_view text : split_list(offers)) {
    const std::optional<Offer> offer = parse_offer(text);
    if (!offer) continue;
    DeflateAgreement agreement{.server_no_context_takeover = offer->server_no_context_takeover ||
                                                             options.server_no_context_takeover,
                               .client_no_context_takeover = offer->client_no_context_takeover ||
                                                             options.client_no_context_takeover,
                               .server_max_window_bits = offer->server_max_window_bits,
                               .header = "permessage-deflate"};
    if (agreement.server_no_context_takeover) agreement.header += "; server_no_context_takeover";
    if (agreement.client_no_context_takeover) agreement.header += "; client_no_context_takeover";
    if (offer->names_server_bits) {
      agreement.header +=
          "; server_max_window_bits=" + std::to_string(agreement.server_max_window_bits);
    }
    return agreement;
  }
  return std::nullopt;
}

}  // namespace fairlead::net
