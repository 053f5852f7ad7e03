#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "net/exchange.h"
#include "net/ip_address.h"

namespace fairlead::net {

/// Whose word about the client's address is taken. Immutable; any thread may ask.
class TrustedProxies {
 public:
  /// Trusts nobody.
  TrustedProxies() = default;
  /// Addresses and ranges; the error names the entry.
  static Result<TrustedProxies> make(const std::vector<std::string>& entries);

  bool is_empty() const { return ranges_.empty(); }
  bool trusts(const IpAddress& address) const;

  /// Puts the client's address and whether it speaks TLS into a request that came from a trusted
  /// proxy. X-Forwarded-For is read from its end, because each proxy adds behind what it got: the
  /// first address from there that is not trusted is the client's (port 0: it is not told); an
  /// entry that is no address ends the search, and all to its left is hearsay. Of
  /// X-Forwarded-Proto the last value counts.
  void unveil(HttpRequest& request) const;

 private:
  std::vector<IpRange> ranges_;
};

}  // namespace fairlead::net
