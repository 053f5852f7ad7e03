#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token_policy.h"

namespace fairlead::auth {

/// What a minted token says. Empty strings, missing options and zero times are left out.
struct TokenClaims {
  std::string sub{};
  /// `device` or `client`; left out means client.
  std::string kind{};
  std::string tenant{};
  /// Words separated by spaces.
  std::string scope{};
  std::optional<std::vector<std::string>> devices{};
  std::int64_t expires_at_ms = 0;
  std::int64_t not_before_ms = 0;
  std::int64_t issued_at_ms = 0;
  std::string jti{};
  std::string iss{};
  std::string aud{};
};

/// The claims as a JSON object. Texts are UTF-8.
std::string to_json(const TokenClaims& claims, const ClaimNames& names = {});

/// A compact JWS with HS256, for development, the simulator and tests. `secret` has the bytes of
/// the secret file without its newline; its length is not judged here. Thread-safe.
std::string mint_hs256(std::string_view secret, const TokenClaims& claims,
                       const ClaimNames& names = {});

}  // namespace fairlead::auth
