#pragma once

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/algorithm.h"
#include "auth/base64url.h"
#include "auth/key.h"
#include "auth/keys.h"
#include "auth/openssl_ptr.h"
#include "auth/verifier.h"
#include "base/clock.h"

/// The issuer's side, for tests: keys, signatures and tokens of every algorithm.
namespace fairlead::auth::testing {

/// Moved by hand.
class HandClock final : public Clock {
 public:
  explicit HandClock(std::int64_t now_ms) : now_ms_(now_ms) {}
  std::int64_t now_ms() const override { return now_ms_; }
  std::int64_t steady_ms() const override { return now_ms_; }
  void set(std::int64_t now_ms) { now_ms_ = now_ms; }

 private:
  std::int64_t now_ms_;
};

inline constexpr std::int64_t kNow = 1'764'000'000'000;
inline constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

inline PkeyPtr new_rsa_key(std::size_t bits = 2048) {
  return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}
inline PkeyPtr new_ec_key(const char* curve) {
  return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
}
inline PkeyPtr new_ed25519_key() { return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

/// Another handle of the same key.
inline PkeyPtr share(const PkeyPtr& pkey) {
  REQUIRE(EVP_PKEY_up_ref(pkey.get()) == 1);
  return PkeyPtr(pkey.get());
}

inline std::string to_pem(const PkeyPtr& pkey) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PUBKEY(bio.get(), pkey.get()) == 1);
  std::string pem(4096, '\0');
  pem.resize(
      static_cast<std::size_t>(BIO_read(bio.get(), pem.data(), static_cast<int>(pem.size()))));
  return pem;
}

inline const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

inline std::string mac(Algorithm algorithm, std::string_view secret, std::string_view text) {
  std::string made(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  REQUIRE(EVP_Q_mac(nullptr, "HMAC", nullptr, digest_name_of(algorithm), nullptr, secret.data(),
                    secret.size(), bytes_of(text), text.size(), bytes_of(made), made.size(),
                    &size) != nullptr);
  made.resize(size);
  return made;
}

/// A DER pair as r and s side by side, `half` bytes each.
inline std::string to_raw(const std::string& der, std::size_t half) {
  const auto* in = bytes_of(std::string_view(der));
  const EcdsaSignaturePtr pair(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  std::string raw(2 * half, '\0');
  const int size = static_cast<int>(half);
  REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), bytes_of(raw), size) == size);
  REQUIRE(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), bytes_of(raw) + half, size) == size);
  return raw;
}

inline std::string sign(Algorithm algorithm, const PkeyPtr& pkey, std::string_view text) {
  const DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  REQUIRE(EVP_DigestSignInit_ex(context.get(), &options, digest_name_of(algorithm), nullptr,
                                nullptr, pkey.get(), nullptr) == 1);
  if (algorithm == Algorithm::kPs256) {
    REQUIRE(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
    REQUIRE(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  std::string signature(1024, '\0');
  std::size_t size = signature.size();
  REQUIRE(EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(text), text.size()) ==
          1);
  signature.resize(size);
  if (key_type_of(algorithm) != KeyType::kEc) return signature;
  return to_raw(signature, coordinate_bytes_of(algorithm));
}

inline std::string header_of(std::string_view alg) {
  return R"({"alg":")" + std::string(alg) + R"("})";
}

inline constexpr std::string_view kClaims = R"({"sub":"app","exp":1764000060})";

inline std::string unsigned_token(std::string_view header, std::string_view claims) {
  return encode_base64url(header) + "." + encode_base64url(claims);
}

/// Signed with HS256 and `kSecret`, whatever the header says.
inline std::string hs256_token(std::string_view claims = kClaims,
                               std::string_view header = R"({"alg":"HS256"})") {
  const std::string text = unsigned_token(header, claims);
  return text + "." + encode_base64url(mac(Algorithm::kHs256, kSecret, text));
}

inline std::string pkey_token(Algorithm algorithm, const PkeyPtr& pkey,
                              std::string_view claims = kClaims) {
  const std::string text = unsigned_token(header_of(name_of(algorithm)), claims);
  return text + "." + encode_base64url(sign(algorithm, pkey, text));
}

inline Key hs256_key(std::string_view secret = kSecret, std::optional<std::string> kid = {}) {
  return Key::from_secret(Algorithm::kHs256, std::string(secret), std::move(kid)).value();
}

template <typename... Keys>
std::shared_ptr<const KeySet> key_set(Keys... keys) {
  std::vector<Key> all;
  (all.push_back(std::move(keys)), ...);
  return std::make_shared<const KeySet>(std::move(all));
}

/// Why a token was refused, or "accepted".
inline std::string outcome(Verifier& verifier, std::string_view token) {
  const auto principal = verifier.verify(token);
  if (principal) return "accepted";
  CHECK(principal.error().code == Code::kUnauthenticated);
  return principal.error().message;
}

}  // namespace fairlead::auth::testing
