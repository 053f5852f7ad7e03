#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <string_view>

#include "auth/key.h"
#include "auth/openssl_ptr.h"

namespace fairlead::auth {

/// A key with everything set up that OpenSSL would otherwise set up for each token, which costs
/// more than the check itself. Not thread-safe: each shard prepares its own. The key outlives it.
class PreparedKey {
 public:
  explicit PreparedKey(const Key& key);

  const Key& key() const { return *key_; }

  /// Is `signature` (the raw bytes of RFC 7518, not DER) the key's over `text`?
  bool accepts(std::string_view text, std::string_view signature);

 private:
  using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

  void prepare_mac();
  void prepare_public();
  bool accepts_mac(std::string_view text, std::string_view signature);
  bool accepts_digest(std::string_view text, std::string_view signature);
  bool accepts_eddsa(std::string_view text, std::string_view signature);

  const Key* key_;
  /// The exact length of a signature.
  std::size_t signature_bytes_ = 0;
  MacContextPtr mac_;
  DigestPtr digest_;
  DigestContextPtr hashing_;
  PkeyContextPtr verifying_;
};

}  // namespace fairlead::auth
