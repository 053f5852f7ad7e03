#include "support/issuer_key.h"

#include <openssl/bio.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

#include "support/failure.h"

namespace fairlead::support {

IssuerKey::IssuerKey(std::string kid)
    : kid_(std::move(kid)), key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {
  if (key_ == nullptr) throw Failure("cannot make an Ed25519 key");
}

Json IssuerKey::jwk() const {
  std::array<unsigned char, 32> raw{};
  std::size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size);
  const std::string_view bytes(reinterpret_cast<const char*>(raw.data()), size);
  return obj("kty", "OKP", "crv", "Ed25519", "alg", "EdDSA", "use", "sig", "kid", kid_, "x",
             base64url(bytes));
}

std::string IssuerKey::pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  PEM_write_bio_PUBKEY(bio.get(), key_.get());
  std::string pem(1024, '\0');
  pem.resize(
      static_cast<std::size_t>(BIO_read(bio.get(), pem.data(), static_cast<int>(pem.size()))));
  return pem;
}

std::string IssuerKey::sign(Token token) const {
  token.header("alg", "EdDSA");
  if (!kid_.empty()) token.header("kid", kid_);
  return token.sign_by([this](std::string_view text) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    std::array<unsigned char, 64> signature{};
    std::size_t size = signature.size();
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    const bool is_signed =
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
        EVP_DigestSign(context.get(), signature.data(), &size, bytes, text.size()) == 1;
    if (!is_signed) throw Failure("cannot sign with Ed25519");
    return std::string(reinterpret_cast<const char*>(signature.data()), size);
  });
}

}  // namespace fairlead::support
