#pragma once

#include <cstdint>
#include <optional>

#include "auth/json_reader.h"
#include "auth/principal.h"
#include "auth/token_policy.h"
#include "base/result.h"

namespace fairlead::auth {

/// When a token may be used; milliseconds since the epoch.
struct Validity {
  std::optional<std::int64_t> expires_at_ms{};
  std::optional<std::int64_t> not_before_ms{};
  std::optional<std::int64_t> issued_at_ms{};
};

/// What a token says, its signature being right.
struct Claims {
  Principal principal{};
  Validity validity{};
};

/// Reads the claims of protocol.md, section 1, and checks `iss` and `aud`; times are read, not
/// judged. Errors have kUnauthenticated and name the claim, not its value.
Result<Claims> read_claims(JsonReader::Object object, const TokenPolicy& policy);

/// Judges the times: expired from `exp` on, without leeway; `nbf` and `iat` with it.
Result<void> check_validity(const Validity& validity, const TokenPolicy& policy,
                            std::int64_t now_ms);

}  // namespace fairlead::auth
