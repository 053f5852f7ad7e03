#include "auth/prepared_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <optional>
#include <string>

#include "base/assert.h"

namespace fairlead::auth {

namespace {

constexpr std::size_t kEd25519SignatureBytes = 64;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// r and s side by side (RFC 7518, 3.4) as the DER that OpenSSL reads; empty if that fails.
std::string to_der(std::string_view signature) {
  const std::size_t half = signature.size() / 2;
  const EcdsaSignaturePtr pair(ECDSA_SIG_new());
  BignumPtr r(BN_bin2bn(bytes_of(signature), static_cast<int>(half), nullptr));
  BignumPtr s(BN_bin2bn(bytes_of(signature.substr(half)), static_cast<int>(half), nullptr));
  if (pair == nullptr || r == nullptr || s == nullptr) return {};
  // Takes both on success only, and it fails for null only.
  if (ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_ECDSA_SIG(pair.get(), &out) != size) return {};
  return der;
}

}  // namespace

PreparedKey::PreparedKey(const Key& key) : key_(&key) {
  if (key_type_of(key.algorithm()) == KeyType::kOct) {
    prepare_mac();
  } else {
    prepare_public();
  }
}

void PreparedKey::prepare_mac() {
  const MacPtr mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  FAIRLEAD_ASSERT(mac != nullptr);
  mac_.reset(EVP_MAC_CTX_new(mac.get()));
  FAIRLEAD_ASSERT(mac_ != nullptr);
  std::string digest = digest_name_of(key_->algorithm());
  const std::array<OSSL_PARAM, 2> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  const std::string_view secret = key_->secret();
  const int done = EVP_MAC_init(mac_.get(), bytes_of(secret), secret.size(), params.data());
  FAIRLEAD_ASSERT(done == 1);
  signature_bytes_ = EVP_MAC_CTX_get_mac_size(mac_.get());
}

void PreparedKey::prepare_public() {
  const Algorithm algorithm = key_->algorithm();
  hashing_.reset(EVP_MD_CTX_new());
  FAIRLEAD_ASSERT(hashing_ != nullptr);
  if (algorithm == Algorithm::kEdDsa) {
    signature_bytes_ = kEd25519SignatureBytes;
    return;
  }
  digest_.reset(EVP_MD_fetch(nullptr, digest_name_of(algorithm), nullptr));
  FAIRLEAD_ASSERT(digest_ != nullptr);
  verifying_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key_->pkey(), nullptr));
  FAIRLEAD_ASSERT(verifying_ != nullptr);
  EVP_PKEY_CTX* const context = verifying_.get();
  bool is_ready = EVP_PKEY_verify_init(context) == 1;
  if (key_type_of(algorithm) == KeyType::kRsa) {
    const bool is_pss = algorithm == Algorithm::kPs256;
    const int padding = is_pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    is_ready = is_ready && EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1;
    is_ready = is_ready && EVP_PKEY_CTX_set_signature_md(context, digest_.get()) == 1;
    if (is_pss) {
      // RFC 7518, 3.5: MGF1 with the same hash, and a salt as long as the hash.
      is_ready = is_ready && EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest_.get()) == 1 &&
                 EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    signature_bytes_ = static_cast<std::size_t>(EVP_PKEY_get_size(key_->pkey()));
  } else {
    signature_bytes_ = 2 * coordinate_bytes_of(algorithm);
  }
  FAIRLEAD_ASSERT(is_ready);
}

bool PreparedKey::accepts(std::string_view text, std::string_view signature) {
  if (signature.size() != signature_bytes_) return false;
  if (mac_ != nullptr) return accepts_mac(text, signature);
  const bool is_right = key_->algorithm() == Algorithm::kEdDsa ? accepts_eddsa(text, signature)
                                                               : accepts_digest(text, signature);
  // What a bad signature leaves behind would be taken for an error of the next TLS read.
  if (!is_right) ERR_clear_error();
  return is_right;
}

bool PreparedKey::accepts_mac(std::string_view text, std::string_view signature) {
  Digest mac{};
  std::size_t size = 0;
  // Without a key this starts anew with the one set up: half the time of a duplicated context.
  const bool is_made = EVP_MAC_init(mac_.get(), nullptr, 0, nullptr) == 1 &&
                       EVP_MAC_update(mac_.get(), bytes_of(text), text.size()) == 1 &&
                       EVP_MAC_final(mac_.get(), mac.data(), &size, mac.size()) == 1;
  FAIRLEAD_ASSERT(is_made);
  return size == signature.size() && CRYPTO_memcmp(mac.data(), signature.data(), size) == 0;
}

bool PreparedKey::accepts_digest(std::string_view text, std::string_view signature) {
  Digest digest{};
  unsigned int size = 0;
  const bool is_made = EVP_DigestInit_ex2(hashing_.get(), digest_.get(), nullptr) == 1 &&
                       EVP_DigestUpdate(hashing_.get(), text.data(), text.size()) == 1 &&
                       EVP_DigestFinal_ex(hashing_.get(), digest.data(), &size) == 1;
  FAIRLEAD_ASSERT(is_made);
  std::string der;
  if (key_type_of(key_->algorithm()) == KeyType::kEc) signature = der = to_der(signature);
  return EVP_PKEY_verify(verifying_.get(), bytes_of(signature), signature.size(), digest.data(),
                         size) == 1;
}

bool PreparedKey::accepts_eddsa(std::string_view text, std::string_view signature) {
  EVP_MD_CTX* const context = hashing_.get();
  const bool is_right = EVP_DigestVerifyInit_ex(context, nullptr, nullptr, nullptr, nullptr,
                                                key_->pkey(), nullptr) == 1 &&
                        EVP_DigestVerify(context, bytes_of(signature), signature.size(),
                                         bytes_of(text), text.size()) == 1;
  EVP_MD_CTX_reset(context);
  return is_right;
}

}  // namespace fairlead::auth
