#include "net/trusted_proxies.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string_view>
#include <utility>

#include "net/handshake.h"
#include "net/tokens.h"

namespace fairlead::net {
namespace {

/// An element of X-Forwarded-For: some proxies add the port, some write IPv6 in brackets.
struct Hop {
  IpAddress address;
  std::uint16_t port = 0;
};

std::optional<Hop> read_hop(std::string_view text) {
  if (const auto bare = IpAddress::parse(text)) return Hop{.address = *bare};
  if (text.starts_with('[') && text.ends_with(']')) {
    const auto inner = IpAddress::parse(text.substr(1, text.size() - 2));
    return inner ? std::optional(Hop{.address = *inner}) : std::nullopt;
  }
  const auto parsed = Address::parse(text);
  const auto address = parsed ? IpAddress::of(*parsed) : std::nullopt;
  // Address::parse also takes names that stand for addresses.
  const bool is_name = text.starts_with('*') || text.starts_with('l');
  if (!address || is_name) return std::nullopt;
  return Hop{.address = *address, .port = parsed->port()};
}

}  // namespace

Result<TrustedProxies> TrustedProxies::make(const std::vector<std::string>& entries) {
  TrustedProxies proxies;
  for (const std::string& entry : entries) {
    const auto range = IpRange::parse(entry);
    if (!range) return std::unexpected(range.error());
    proxies.ranges_.push_back(*range);
  }
  return proxies;
}

bool TrustedProxies::trusts(const IpAddress& address) const {
  return std::ranges::any_of(ranges_,
                             [&](const IpRange& range) { return range.contains(address); });
}

void TrustedProxies::unveil(HttpRequest& request) const {
  if (is_empty()) return;
  const auto peer = read_hop(request.remote);
  if (!peer || !trusts(peer->address)) return;
  const std::string chain = joined_header(request, "x-forwarded-for");
  for (const std::string_view element : split_list(chain) | std::views::reverse) {
    const auto hop = read_hop(element);
    if (!hop) break;
    request.remote = hop->address.text_with_port(hop->port);
    if (!trusts(hop->address)) break;
  }
  const std::string schemes = joined_header(request, "x-forwarded-proto");
  const auto all = split_list(schemes);
  const std::string_view scheme = all.empty() ? std::string_view() : all.back();
  if (equals_ignoring_case(scheme, "https") || equals_ignoring_case(scheme, "wss")) {
    request.is_tls = true;
  } else if (equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "ws")) {
    request.is_tls = false;
  }
}

}  // namespace fairlead::net
