#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

extern "C" {
struct evp_pkey_st;
struct x509_st;
}

namespace fairlead::support {

/// A certificate (or chain) and its key, both PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

/// What a certificate is to say; good for an hour and for this machine unless told otherwise.
struct Wish {
  std::string name = "localhost";
  std::int64_t valid_from_s = -3600;
  std::int64_t valid_until_s = 3600;
  bool with_rsa_key = false;
};

/// A certificate authority made on the spot, so that no key lies in the source tree.
class Authority {
 public:
  explicit Authority(std::string_view name = "a root of the tests");
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// The root's certificate, PEM.
  std::string certificate() const;
  Identity issue(const Wish& wish = {}) const;

 private:
  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  struct FreeCertificate {
    void operator()(x509_st* certificate) const;
  };
  std::unique_ptr<evp_pkey_st, FreeKey> key_;
  std::unique_ptr<x509_st, FreeCertificate> certificate_;
};

}  // namespace fairlead::support
