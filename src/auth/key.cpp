#include "auth/key.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <cstddef>
#include <utility>

#include "base/assert.h"

namespace fairlead::auth {

namespace {

constexpr int kLeastRsaBits = 2048;
/// Above it a single check costs milliseconds.
constexpr int kMostRsaBits = 8192;
constexpr std::size_t kMaxPemBytes = 64UL * 1024;

std::string_view curve_of(const EVP_PKEY& pkey) {
  std::array<char, 64> group{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(&pkey, group.data(), group.size(), &size) != 1) return {};
  const std::string_view name(group.data(), size);
  if (name == "prime256v1" || name == "P-256") return "P-256";
  if (name == "secp384r1" || name == "P-384") return "P-384";
  return {};
}

std::optional<Algorithm> usual_algorithm_of(const EVP_PKEY& pkey) {
  switch (EVP_PKEY_get_base_id(&pkey)) {
    case EVP_PKEY_RSA:
      return Algorithm::kRs256;
    case EVP_PKEY_ED25519:
      return Algorithm::kEdDsa;
    case EVP_PKEY_EC:
      if (curve_of(pkey) == "P-256") return Algorithm::kEs256;
      if (curve_of(pkey) == "P-384") return Algorithm::kEs384;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

bool is_of_type(const EVP_PKEY& pkey, Algorithm algorithm) {
  const int id = EVP_PKEY_get_base_id(&pkey);
  switch (key_type_of(algorithm)) {
    case KeyType::kRsa:
      return id == EVP_PKEY_RSA;
    case KeyType::kEc:
      return id == EVP_PKEY_EC && curve_of(pkey) == curve_name_of(algorithm);
    case KeyType::kOkp:
      return id == EVP_PKEY_ED25519;
    case KeyType::kOct:
      return false;
  }
  return false;
}

}  // namespace

Key::Key(Algorithm algorithm, std::optional<std::string> kid, std::string secret, PkeyPtr pkey)
    : algorithm_(algorithm),
      kid_(std::move(kid)),
      secret_(std::move(secret)),
      pkey_(std::move(pkey)) {}

Result<Key> Key::from_secret(Algorithm algorithm, std::string secret,
                             std::optional<std::string> kid) {
  if (key_type_of(algorithm) != KeyType::kOct) {
    return fail(Code::kInvalid, "{} needs a public key, not a secret", name_of(algorithm));
  }
  const std::size_t least = least_secret_bytes_of(algorithm);
  if (secret.size() < least) {
    return fail(Code::kInvalid, "the secret has {} bytes, {} needs at least {}", secret.size(),
                name_of(algorithm), least);
  }
  return Key(algorithm, std::move(kid), std::move(secret), nullptr);
}

Result<Key> Key::from_public(Algorithm algorithm, PkeyPtr pkey, std::optional<std::string> kid) {
  FAIRLEAD_ASSERT(pkey != nullptr);
  if (!is_of_type(*pkey, algorithm)) {
    return fail(Code::kInvalid, "the key's type is not that of {}", name_of(algorithm));
  }
  const int bits = EVP_PKEY_get_bits(pkey.get());
  if (key_type_of(algorithm) == KeyType::kRsa && (bits < kLeastRsaBits || bits > kMostRsaBits)) {
    return fail(Code::kInvalid, "the RSA key has {} bits, it needs {} to {}", bits, kLeastRsaBits,
                kMostRsaBits);
  }
  return Key(algorithm, std::move(kid), {}, std::move(pkey));
}

Result<Key> Key::from_pem(std::string_view pem, std::optional<Algorithm> algorithm,
                          std::optional<std::string> kid) {
  if (pem.size() > kMaxPemBytes) {
    return fail(Code::kInvalid, "a PEM public key has at most {} bytes", kMaxPemBytes);
  }
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  FAIRLEAD_ASSERT(bio != nullptr);
  PkeyPtr pkey(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (pkey == nullptr) {
    return fail(Code::kInvalid, "not a PEM public key (-----BEGIN PUBLIC KEY-----)");
  }
  if (!algorithm) algorithm = usual_algorithm_of(*pkey);
  if (!algorithm) {
    return fail(Code::kInvalid, "only RSA, P-256, P-384 and Ed25519 keys are taken");
  }
  return from_public(*algorithm, std::move(pkey), std::move(kid));
}

}  // namespace fairlead::auth
