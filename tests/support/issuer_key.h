#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "support/json.h"
#include "support/token.h"

namespace fairlead::support {

/// An Ed25519 key of a token's issuer, made for the test.
class IssuerKey {
 public:
  explicit IssuerKey(std::string kid);

  const std::string& kid() const { return kid_; }
  /// The public half.
  Json jwk() const;
  std::string pem() const;
  /// With EdDSA, and `kid` in the header unless it is empty.
  std::string sign(Token token) const;

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  std::string kid_;
  std::unique_ptr<EVP_PKEY, Free> key_;
};

/// A key set of the public halves.
template <typename... Keys>
std::string jwks_of(const Keys&... keys) {
  return obj("keys", arr(keys.jwk()...)).dump();
}

}  // namespace fairlead::support
