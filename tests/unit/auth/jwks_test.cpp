#include "auth/jwks.h"

#include <doctest/doctest.h>

#include <string>

#include "signing.h"
#include "vectors.h"

using namespace fairlead::auth;
using namespace fairlead::auth::testing;

namespace {

std::string set_of(std::string_view keys) { return R"({"keys":[)" + std::string(keys) + "]}"; }

std::string with(std::string_view jwk, std::string_view members) {
  return std::string(jwk.substr(0, jwk.size() - 1)) + "," + std::string(members) + "}";
}

std::string refusal(std::string_view text) {
  const auto jwks = read_jwks(text);
  REQUIRE_FALSE(jwks);
  return jwks.error().message;
}

std::string skipped(std::string_view jwk) {
  const auto jwks = read_jwks(set_of(std::string(jwk) + "," + std::string(kRfc8037Jwk)));
  REQUIRE(jwks);
  CHECK(jwks->keys.size() == 1);
  REQUIRE(jwks->skipped.size() == 1);
  return jwks->skipped[0];
}

Algorithm algorithm_of(std::string_view jwk) {
  const auto jwks = read_jwks(set_of(jwk));
  REQUIRE(jwks);
  REQUIRE(jwks->keys.size() == 1);
  return jwks->keys[0].algorithm();
}

std::string oct_of(std::size_t bytes, std::string_view alg) {
  return R"({"kty":"oct","alg":")" + std::string(alg) + R"(","k":")" +
         encode_base64url(std::string(bytes, 'k')) + R"("})";
}

}  // namespace

TEST_CASE("a JWK without alg is bound to its type's usual algorithm") {
  CHECK(algorithm_of(kRfc7515RsaJwk) == Algorithm::kRs256);
  CHECK(algorithm_of(kRfc7515EcJwk) == Algorithm::kEs256);
  CHECK(algorithm_of(kRfc8037Jwk) == Algorithm::kEdDsa);
}

TEST_CASE("alg binds a JWK to another algorithm of its type") {
  CHECK(algorithm_of(with(kRfc7515RsaJwk, R"("alg":"PS256")")) == Algorithm::kPs256);
  CHECK(algorithm_of(with(kRfc7515RsaJwk, R"("alg":"RS512")")) == Algorithm::kRs512);
  CHECK(algorithm_of(oct_of(48, "HS384")) == Algorithm::kHs384);
}

TEST_CASE("an alg of another type is refused") {
  CHECK(refusal(set_of(with(kRfc7515RsaJwk, R"("alg":"HS256")"))) ==
        "keys[0]: alg HS256 does not go with kty RSA ");
  CHECK(refusal(set_of(with(kRfc7515EcJwk, R"("alg":"ES384")"))).starts_with("keys[0]: alg ES384"));
  CHECK(refusal(set_of(oct_of(64, "RS256"))).starts_with("keys[0]: alg RS256"));
}

TEST_CASE("an oct key needs alg, and the length of its hash") {
  CHECK(refusal(set_of(R"({"kty":"oct","k":"AAAA"})")) == "keys[0]: alg: needed for kty oct");
  CHECK(refusal(set_of(oct_of(31, "HS256"))).starts_with("keys[0]: the secret has 31 bytes"));
  CHECK(refusal(set_of(oct_of(63, "HS512"))).starts_with("keys[0]: the secret has 63 bytes"));
}

TEST_CASE("kid is kept, and keys without one have none") {
  const auto jwks =
      read_jwks(set_of(with(kRfc8037Jwk, R"("kid":"2026-11")") + "," + std::string(kRfc7515EcJwk)));
  REQUIRE(jwks);
  CHECK(jwks->keys[0].kid() == "2026-11");
  CHECK_FALSE(jwks->keys[1].kid());
  CHECK(refusal(set_of(with(kRfc8037Jwk, R"("kid":7)"))) == "keys[0]: kid: not a string");
}

TEST_CASE("keys that are not for checking signatures are skipped, with the reason") {
  CHECK(skipped(with(kRfc7515RsaJwk, R"("use":"enc")")) == "keys[0]: use is not sig");
  CHECK(skipped(with(kRfc7515RsaJwk, R"("use":1)")) == "keys[0]: use is not sig");
  CHECK(skipped(with(kRfc7515RsaJwk, R"("key_ops":["sign"])")) == "keys[0]: key_ops has no verify");
  CHECK(skipped(with(kRfc7515RsaJwk, R"("key_ops":"verify")")) == "keys[0]: key_ops has no verify");
  CHECK(skipped(with(kRfc7515RsaJwk, R"("alg":"RSA-OAEP")")) == "keys[0]: this alg is not taken");
  CHECK(skipped(R"({"kty":"AKP"})") == "keys[0]: this kty is not taken");
  CHECK(skipped(R"({"kty":"OKP","crv":"X25519","x":"AAAA"})") == "keys[0]: this crv is not taken");
  CHECK(skipped(R"({"kty":"EC","crv":"secp256k1"})") == "keys[0]: this crv is not taken");
  CHECK(algorithm_of(with(kRfc7515RsaJwk, R"("use":"sig","key_ops":["verify"])")) ==
        Algorithm::kRs256);
}

TEST_CASE("malformed and weak keys are refused, and named") {
  CHECK(refusal(set_of(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})")).starts_with("keys[0]: "));
  CHECK(refusal(set_of(R"({"kty":"RSA","e":"AQAB"})")) == "keys[0]: n: not base64url");
  CHECK(refusal(set_of(R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"})")) ==
        "keys[0]: x, y: 32 bytes each on this curve");
  CHECK(refusal(set_of(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})")) ==
        "keys[0]: x: 32 bytes for Ed25519");
  CHECK(refusal(set_of(R"({"n":"AQAB"})")) == "keys[0]: kty: missing");
  CHECK(refusal(set_of(std::string(kRfc8037Jwk) + ",7")) == "keys[1]: no object");
  const std::string zeros = encode_base64url(std::string(32, '\1'));
  CHECK(
      refusal(set_of(R"({"kty":"EC","crv":"P-256","x":")" + zeros + R"(","y":")" + zeros + R"("})"))
          .starts_with("keys[0]: "));
}

TEST_CASE("an RSA key of under 2048 bits, or with a strange exponent, is refused") {
  const std::string n_1024 = encode_base64url(std::string(128, '\xff'));
  CHECK(refusal(set_of(R"({"kty":"RSA","e":"AQAB","n":")" + n_1024 + R"("})")) ==
        "keys[0]: the RSA key has 1024 bits, it needs 2048 to 8192");
  const std::string n_2048 = encode_base64url(std::string(256, '\xff'));
  for (const char* e : {"AQ", "AA", "AAAB", "BA", "AQAAAAAAAAAB"}) {
    CAPTURE(std::string(e));
    CHECK(refusal(set_of(R"({"kty":"RSA","e":")" + std::string(e) + R"(","n":")" + n_2048 +
                         R"("})")) == "keys[0]: e: not an RSA exponent that is taken");
  }
}

TEST_CASE("a text that is no key set is refused") {
  CHECK(refusal("") == "the key set is not valid JSON");
  CHECK(refusal("[]") == "the key set is not a JSON object");
  CHECK(refusal("{}") == R"(the key set has no array "keys")");
  CHECK(refusal(R"({"keys":{}})") == R"(the key set has no array "keys")");
  CHECK(refusal(R"({"keys":[]})") == "the key set has no key for checking signatures");
  CHECK(refusal(R"({"keys":[{"kty":"oct","kty":"RSA"}]})") == "the key set has a member twice");
  CHECK(refusal(std::string(1024UL * 1024 + 1, ' ')).starts_with("the key set has over"));
  std::string many = "7";
  for (int i = 0; i < 256; ++i) many += ",7";
  CHECK(refusal(set_of(many)) == "the key set has over 256 keys");
}
