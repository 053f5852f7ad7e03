#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/key.h"
#include "base/result.h"

namespace fairlead::auth {

/// What a JSON Web Key Set (RFC 7517) holds for us.
struct Jwks {
  std::vector<Key> keys;
  /// Keys that are not for checking signatures, or of a kind that is not taken, with the reason:
  /// `keys[1]: use is "enc"`. For a log line.
  std::vector<std::string> skipped;
};

/// Reads a key set of at most 1 MiB and 256 keys. `alg` binds a key; without it an RSA key is
/// bound to RS256, P-256 to ES256, P-384 to ES384, Ed25519 to EdDSA, and an `oct` key is refused.
/// A key that is malformed or too weak, and a set that leaves no key, is kInvalid and names which:
/// a set that is wrong is not taken by halves.
Result<Jwks> read_jwks(std::string_view text);

}  // namespace fairlead::auth
