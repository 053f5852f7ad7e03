#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstddef>

#include "support/failure.h"

namespace fairlead::support {
namespace {

constexpr std::int64_t kRootSeconds = 24 * 3600;

std::string drained(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string pem_of(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return drained(bio);
}

std::string pem_of(const EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  return drained(bio);
}

void add_extension(X509* to, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (extension == nullptr) throw Failure(std::string("no such extension: ") + value);
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Not signed yet.
X509* begin_certificate(const Wish& wish, EVP_PKEY* key) {
  static std::atomic<long> last_serial = 0;
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++last_serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wish.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.valid_until_s);
  X509_set_pubkey(certificate, key);
  const std::basic_string<unsigned char> name(wish.name.begin(), wish.name.end());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, name.data(),
                             static_cast<int>(name.size()), -1, 0);
  return certificate;
}

}  // namespace

void Authority::FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

void Authority::FreeCertificate::operator()(x509_st* certificate) const { X509_free(certificate); }

Authority::Authority(std::string_view name)
    : key_(EVP_EC_gen("P-256")),
      certificate_(begin_certificate({.name = std::string(name), .valid_until_s = kRootSeconds},
                                     key_.get())) {
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign");
  X509_sign(certificate_.get(), key_.get(), EVP_sha256());
}

Authority::~Authority() = default;

std::string Authority::certificate() const { return pem_of(certificate_.get()); }

Identity Authority::issue(const Wish& wish) const {
  const std::unique_ptr<evp_pkey_st, FreeKey> key(wish.with_rsa_key ? EVP_RSA_gen(2048)
                                                                    : EVP_EC_gen("P-256"));
  const std::unique_ptr<x509_st, FreeCertificate> made(begin_certificate(wish, key.get()));
  X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get()));
  const std::string names = "DNS:" + wish.name + ",DNS:localhost,IP:127.0.0.1";
  add_extension(made.get(), certificate_.get(), NID_subject_alt_name, names.c_str());
  add_extension(made.get(), certificate_.get(), NID_basic_constraints, "CA:FALSE");
  X509_sign(made.get(), key_.get(), EVP_sha256());
  return {.certificate = pem_of(made.get()), .key = pem_of(key.get())};
}

}  // namespace fairlead::support
