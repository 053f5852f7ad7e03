#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/algorithm.h"
#include "auth/openssl_ptr.h"
#include "base/result.h"

namespace fairlead::auth {

/// One key that signatures are checked with, bound to exactly one algorithm (RFC 8725, 3.1), so
/// that a public key is never taken for a secret. Immutable; any thread may use it; copies share
/// the key itself. Errors have kInvalid and name the rule, never the key.
class Key {
 public:
  /// For HS256, HS384, HS512. The secret must be as long as the hash.
  static Result<Key> from_secret(Algorithm algorithm, std::string secret,
                                 std::optional<std::string> kid = std::nullopt);

  /// For all others. RSA keys of 2048 to 8192 bits; the curve must be the algorithm's.
  static Result<Key> from_public(Algorithm algorithm, PkeyPtr pkey,
                                 std::optional<std::string> kid = std::nullopt);

  /// One `-----BEGIN PUBLIC KEY-----` block. Without `algorithm` the usual one of its type: RS256,
  /// ES256, ES384 or EdDSA.
  static Result<Key> from_pem(std::string_view pem,
                              std::optional<Algorithm> algorithm = std::nullopt,
                              std::optional<std::string> kid = std::nullopt);

  Algorithm algorithm() const { return algorithm_; }
  const std::optional<std::string>& kid() const { return kid_; }
  /// Empty for a public key.
  std::string_view secret() const { return secret_; }
  /// Null for a secret. Checking with it is thread-safe.
  EVP_PKEY* pkey() const { return pkey_.get(); }

 private:
  Key(Algorithm algorithm, std::optional<std::string> kid, std::string secret, PkeyPtr pkey);

  Algorithm algorithm_;
  std::optional<std::string> kid_;
  std::string secret_;
  std::shared_ptr<EVP_PKEY> pkey_;
};

}  // namespace fairlead::auth
