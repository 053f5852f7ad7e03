#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::net {

/// Where something is fetched from.
struct Url {
  bool is_tls = false;
  /// A name or an address, that of IPv6 without its brackets.
  std::string host;
  std::uint16_t port = 0;
  /// What the `Host` header says.
  std::string authority;
  /// Path and query; begins with '/'.
  std::string target;
};

/// `http://host[:port][/path][?query]`, or the same with https. User names, fragments and anything
/// that is no visible ASCII are refused (kInvalid, naming the rule).
Result<Url> parse_url(std::string_view text);

}  // namespace fairlead::net
