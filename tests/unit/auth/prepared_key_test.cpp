#include "auth/prepared_key.h"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <string>

#include "auth/jwks.h"
#include "signing.h"
#include "vectors.h"

using namespace fairlead::auth;
using namespace fairlead::auth::testing;

namespace {

Key key_of(std::string_view jwk) {
  auto jwks = read_jwks(R"({"keys":[)" + std::string(jwk) + "]}");
  REQUIRE(jwks);
  return std::move(jwks->keys.at(0));
}

constexpr Algorithm kPublicAlgorithms[] = {Algorithm::kRs256, Algorithm::kRs384, Algorithm::kRs512,
                                           Algorithm::kPs256, Algorithm::kEs256, Algorithm::kEs384,
                                           Algorithm::kEdDsa};

PkeyPtr new_key_for(Algorithm algorithm) {
  if (key_type_of(algorithm) == KeyType::kRsa) {
    static const PkeyPtr rsa = new_rsa_key();
    return share(rsa);
  }
  if (algorithm == Algorithm::kEdDsa) return new_ed25519_key();
  return new_ec_key(curve_name_of(algorithm));
}

}  // namespace

TEST_CASE("the EdDSA signature of RFC 8037, A.4 is right") {
  const Key key = key_of(kRfc8037Jwk);
  PreparedKey prepared(key);
  const std::string signature = decode_base64url(kRfc8037Signature).value();
  CHECK(prepared.accepts(kRfc8037SignedText, signature));
  CHECK_FALSE(prepared.accepts("x", signature));
}

TEST_CASE("a key accepts its own signatures again and again, and no changed ones") {
  for (const Algorithm algorithm : kPublicAlgorithms) {
    CAPTURE(std::string(name_of(algorithm)));
    const PkeyPtr pkey = new_key_for(algorithm);
    const Key key = Key::from_public(algorithm, share(pkey)).value();
    PreparedKey prepared(key);
    for (const char* text : {"one", "two", "", "three"}) {
      std::string signature = sign(algorithm, pkey, text);
      CHECK(prepared.accepts(text, signature));
      CHECK_FALSE(prepared.accepts("other", signature));
      signature[signature.size() / 2] ^= 1;
      CHECK_FALSE(prepared.accepts(text, signature));
    }
  }
}

TEST_CASE("a secret accepts its own signatures again and again, and no changed ones") {
  const std::string secret(64, 'k');
  for (const Algorithm algorithm : {Algorithm::kHs256, Algorithm::kHs384, Algorithm::kHs512}) {
    CAPTURE(std::string(name_of(algorithm)));
    const Key key = Key::from_secret(algorithm, secret).value();
    PreparedKey prepared(key);
    for (const std::string& text : {std::string("one"), std::string(), std::string(5000, 't')}) {
      std::string signature = mac(algorithm, secret, text);
      CHECK(prepared.accepts(text, signature));
      CHECK_FALSE(prepared.accepts(text + "x", signature));
      signature.back() ^= 1;
      CHECK_FALSE(prepared.accepts(text, signature));
    }
  }
}

TEST_CASE("a signature that is shorter or longer by a byte, or empty, is wrong") {
  for (const Algorithm algorithm : kPublicAlgorithms) {
    CAPTURE(std::string(name_of(algorithm)));
    const PkeyPtr pkey = new_key_for(algorithm);
    const Key key = Key::from_public(algorithm, share(pkey)).value();
    PreparedKey prepared(key);
    const std::string signature = sign(algorithm, pkey, "text");
    CHECK_FALSE(prepared.accepts("text", ""));
    CHECK_FALSE(prepared.accepts("text", signature.substr(1)));
    CHECK_FALSE(prepared.accepts("text", signature.substr(0, signature.size() - 1)));
    CHECK_FALSE(prepared.accepts("text", signature + '\0'));
    CHECK_FALSE(prepared.accepts("text", '\0' + signature));
  }
  const Key secret = hs256_key();
  PreparedKey prepared(secret);
  const std::string right = mac(Algorithm::kHs256, kSecret, "text");
  CHECK_FALSE(prepared.accepts("text", ""));
  CHECK_FALSE(prepared.accepts("text", right.substr(0, 16)));
  CHECK_FALSE(prepared.accepts("text", right + "x"));
}

TEST_CASE("r and s of an ECDSA signature that are zero or too large are wrong, DER is too") {
  const PkeyPtr pkey = new_ec_key("P-256");
  const Key key = Key::from_public(Algorithm::kEs256, share(pkey)).value();
  PreparedKey prepared(key);
  const std::string right = sign(Algorithm::kEs256, pkey, "text");
  CHECK_FALSE(prepared.accepts("text", std::string(64, '\0')));
  CHECK_FALSE(prepared.accepts("text", std::string(64, '\xff')));
  CHECK_FALSE(prepared.accepts("text", std::string(32, '\0') + right.substr(32)));
  CHECK_FALSE(prepared.accepts("text", right.substr(0, 32) + std::string(32, '\0')));
  CHECK_FALSE(prepared.accepts("text", std::string("\x30\x3e", 2) + right.substr(2)));
  CHECK(prepared.accepts("text", right));
}

TEST_CASE("PS256 and RS256 are not taken for one another") {
  const PkeyPtr pkey = new_key_for(Algorithm::kRs256);
  const Key pss = Key::from_public(Algorithm::kPs256, share(pkey)).value();
  const Key pkcs1 = Key::from_public(Algorithm::kRs256, share(pkey)).value();
  CHECK_FALSE(PreparedKey(pss).accepts("text", sign(Algorithm::kRs256, pkey, "text")));
  CHECK_FALSE(PreparedKey(pkcs1).accepts("text", sign(Algorithm::kPs256, pkey, "text")));
  CHECK_FALSE(PreparedKey(pkcs1).accepts("text", sign(Algorithm::kRs512, pkey, "text")));
}

TEST_CASE("a wrong signature leaves nothing in OpenSSL's error queue") {
  for (const Algorithm algorithm : kPublicAlgorithms) {
    CAPTURE(std::string(name_of(algorithm)));
    const Key key = Key::from_public(algorithm, new_key_for(algorithm)).value();
    PreparedKey prepared(key);
    for (const std::size_t size : {64UL, 96UL, 256UL}) {
      CHECK_FALSE(prepared.accepts("text", std::string(size, '\x7f')));
    }
    CHECK(ERR_peek_error() == 0);
  }
}
