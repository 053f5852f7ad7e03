#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::auth {

/// What the claims are called: issuers differ. `nbf iat iss aud jti` keep the names of RFC 7519.
struct ClaimNames {
  std::string sub = "sub";
  std::string exp = "exp";
  std::string kind = "kind";
  std::string tenant = "tenant";
  std::string scope = "scope";
  std::string devices = "devices";
};

/// What the operator asks of tokens.
struct TokenPolicy {
  /// Is a token without expiry refused?
  bool require_exp = true;
  /// By how much the issuer's clock may be ahead, for `nbf` and `iat`. Expiry has no leeway.
  std::int64_t leeway_s = 60;
  /// `iss` must be one of these; empty: not checked.
  std::vector<std::string> issuer{};
  /// `aud` must name one of these; empty: not checked.
  std::vector<std::string> audience{};
  ClaimNames claims{};
};

}  // namespace fairlead::auth
