#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "auth/algorithm.h"
#include "auth/json_reader.h"
#include "auth/refusal.h"
#include "base/result.h"

namespace fairlead::auth {

inline constexpr std::size_t kMaxTokenBytes = 8UL * 1024;

/// The three parts of a compact JWS (RFC 7515, 3.1), still in base64url; views into its text.
struct TokenParts {
  std::string_view header;
  std::string_view claims;
  std::string_view signature;
  /// Header and claims with the dot between them: what is signed.
  std::string_view signed_text;
};

/// Takes at most 8 KiB with exactly two dots and something in each part.
Result<TokenParts> split_token(std::string_view text);

/// What the header says that counts. Where a key is to be found (`jwk jku x5u x5c`) is never
/// believed (RFC 8725, 3.10), `typ` and the rest say nothing about trust.
struct TokenHeader {
  Algorithm algorithm;
  std::optional<std::string> kid;
};

/// Refuses an `alg` that is missing, no string, `none` or unknown, and any `crit`: no extension is
/// understood (RFC 7515, 4.1.11).
Verdict<TokenHeader> read_header(JsonReader::Object header);

}  // namespace fairlead::auth
