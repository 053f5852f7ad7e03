#include "auth/verifier.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "auth/claims.h"
#include "auth/jwks.h"
#include "auth/verified_tokens.h"
#include "signing.h"
#include "vectors.h"

using namespace fairlead::auth;
using namespace fairlead::auth::testing;

namespace {

/// The tokens of RFC 7515 have no `sub`, but an `iss`, and expired at 1300819380.
constexpr std::int64_t kRfcExpiry = 1'300'819'380'000;

TokenPolicy rfc_policy() { return {.claims = {.sub = "iss"}}; }

std::shared_ptr<const KeySet> set_of(std::string_view jwk) {
  auto jwks = read_jwks(R"({"keys":[)" + std::string(jwk) + "]}");
  REQUIRE(jwks);
  return std::make_shared<const KeySet>(std::move(jwks->keys));
}

Key public_key(Algorithm algorithm, const PkeyPtr& pkey, std::optional<std::string> kid = {}) {
  return Key::from_public(algorithm, share(pkey), std::move(kid)).value();
}

std::string with_kid(std::string_view secret, std::string_view kid) {
  const std::string header = R"({"alg":"HS256","kid":")" + std::string(kid) + R"("})";
  const std::string text = unsigned_token(header, kClaims);
  return text + "." + encode_base64url(mac(Algorithm::kHs256, secret, text));
}

}  // namespace

TEST_CASE("the tokens of RFC 7515, A.1 to A.3, are accepted until they expire") {
  HandClock clock(kRfcExpiry - 1);
  for (const auto& [jwk, token] :
       {std::pair{kRfc7515HmacJwk, kRfc7515HmacToken}, std::pair{kRfc7515RsaJwk, kRfc7515RsaToken},
        std::pair{kRfc7515EcJwk, kRfc7515EcToken}}) {
    clock.set(kRfcExpiry - 1);
    Verifier verifier(set_of(jwk), rfc_policy(), clock);
    const auto principal = verifier.verify(token);
    REQUIRE(principal);
    CHECK(principal->subject == "joe");
    CHECK(principal->expires_at_ms == kRfcExpiry);
    clock.set(kRfcExpiry);
    CHECK(outcome(verifier, token) == "token expired");
    Verifier other(set_of(kRfc8037Jwk), rfc_policy(), clock);
    CHECK(outcome(other, token) == "token's algorithm is not that of the key");
  }
}

TEST_CASE("the unsecured token of RFC 7519, 6.1, is refused with whatever keys") {
  const HandClock clock(kRfcExpiry - 1);
  for (const auto jwk : {kRfc7515HmacJwk, kRfc7515RsaJwk, kRfc7515EcJwk, kRfc8037Jwk}) {
    Verifier verifier(set_of(jwk), rfc_policy(), clock);
    CHECK(outcome(verifier, kRfc7519UnsecuredToken) == "token malformed: a part is empty");
    // With a signature, it is the algorithm that is not taken.
    CHECK(outcome(verifier, std::string(kRfc7519UnsecuredToken) + "AAAA") ==
          "token's algorithm is not taken");
  }
}

TEST_CASE("only slow signatures that are not remembered have no quick answer") {
  const HandClock clock(kNow);
  const PkeyPtr ed = new_ed25519_key();
  const PkeyPtr rsa = new_rsa_key();
  Verifier verifier(key_set(hs256_key(kSecret, "one"), public_key(Algorithm::kEdDsa, ed, "two"),
                            public_key(Algorithm::kRs256, rsa, "three")),
                    {}, clock);
  const std::string slow = pkey_token(Algorithm::kEdDsa, ed);
  CHECK_FALSE(verifier.verify_quickly(slow).has_value());
  CHECK(verifier.verify_quickly(with_kid(kSecret, "one")).value().has_value());
  CHECK(verifier.verify_quickly(pkey_token(Algorithm::kRs256, rsa)).value().has_value());
  CHECK_FALSE(verifier.verify_quickly("a.b.c").value().has_value());
  Verifier elsewhere(verifier.keys(), {}, clock);
  auto claims = elsewhere.check(slow);
  REQUIRE(claims);
  CHECK(verifier.take_checked(slow, std::move(*claims)).has_value());
  CHECK(verifier.verify_quickly(slow).value().has_value());
}

TEST_CASE("tokens of every algorithm are accepted with their own key only") {
  const HandClock clock(kNow);
  const PkeyPtr rsa = new_rsa_key();
  const PkeyPtr p256 = new_ec_key("P-256");
  const PkeyPtr p384 = new_ec_key("P-384");
  const PkeyPtr ed = new_ed25519_key();
  const std::pair<Algorithm, const PkeyPtr&> keys[] = {
      {Algorithm::kRs256, rsa}, {Algorithm::kRs384, rsa},  {Algorithm::kRs512, rsa},
      {Algorithm::kPs256, rsa}, {Algorithm::kEs256, p256}, {Algorithm::kEs384, p384},
      {Algorithm::kEdDsa, ed}};
  for (const auto& [algorithm, pkey] : keys) {
    CAPTURE(std::string(name_of(algorithm)));
    Verifier verifier(key_set(public_key(algorithm, pkey)), {}, clock);
    for (const auto& [other, other_pkey] : keys) {
      CHECK((outcome(verifier, pkey_token(other, other_pkey)) == "accepted") ==
            (other == algorithm));
    }
  }
}

TEST_CASE("kid names the key; a key without one is meant by every token") {
  const HandClock clock(kNow);
  const std::string other(32, 'o');
  Verifier verifier(key_set(hs256_key(kSecret, "one"), hs256_key(other, "two")), {}, clock);
  CHECK(outcome(verifier, with_kid(kSecret, "one")) == "accepted");
  CHECK(outcome(verifier, with_kid(other, "two")) == "accepted");
  CHECK(outcome(verifier, with_kid(kSecret, "two")) == "signature does not match");
  CHECK(outcome(verifier, with_kid(kSecret, "three")) == "unknown key");
  CHECK(outcome(verifier, hs256_token()) == "accepted");
  verifier.rotate(key_set(hs256_key()));
  CHECK(outcome(verifier, with_kid(kSecret, "three")) == "accepted");
}

TEST_CASE("without kid at most 16 keys are tried") {
  const HandClock clock(kNow);
  for (const std::size_t others : {15UL, 16UL}) {
    std::vector<Key> keys;
    for (std::size_t i = 0; i < others; ++i) {
      keys.push_back(hs256_key(std::string(32, static_cast<char>('a' + i))));
    }
    keys.push_back(hs256_key());
    Verifier verifier(std::make_shared<const KeySet>(std::move(keys)), {}, clock);
    CHECK((outcome(verifier, hs256_token()) == "accepted") == (others == 15));
  }
}

TEST_CASE("each token is judged by its own header, whichever came before") {
  const HandClock clock(kNow);
  const PkeyPtr pkey = new_ed25519_key();
  Verifier verifier(key_set(hs256_key(kSecret, "one"), public_key(Algorithm::kEdDsa, pkey, "two")),
                    {}, clock);
  const std::string bad_header = hs256_token(kClaims, R"({"alg":"none"})");
  for (int round = 0; round < 2; ++round) {
    CHECK(outcome(verifier, with_kid(kSecret, "one")) == "accepted");
    CHECK(outcome(verifier, bad_header) == "token's algorithm is not taken");
    CHECK(outcome(verifier, with_kid(kSecret, "one")) == "accepted");
    CHECK(outcome(verifier, with_kid(kSecret, "two")) ==
          "token's algorithm is not that of the key");
    CHECK(outcome(verifier, pkey_token(Algorithm::kEdDsa, pkey)) == "accepted");
    CHECK(outcome(verifier, hs256_token()) == "accepted");
  }
}

TEST_CASE("no keys at all accept nothing") {
  const HandClock clock(kNow);
  Verifier verifier(key_set(), {}, clock);
  CHECK(outcome(verifier, hs256_token()) == "unknown key");
}

TEST_CASE("a remembered token is judged by the clock again") {
  const PkeyPtr pkey = new_ed25519_key();
  HandClock clock(kNow);
  Verifier verifier(key_set(public_key(Algorithm::kEdDsa, pkey)), {}, clock);
  const std::string token =
      pkey_token(Algorithm::kEdDsa, pkey, R"({"sub":"app","exp":1764000060,"nbf":1764000000})");
  const auto first = verifier.verify(token);
  REQUIRE(first);
  CHECK(verifier.verify(token) == *first);
  clock.set(kNow + 60'000);
  CHECK(outcome(verifier, token) == "token expired");
  clock.set(kNow - 60'001);
  CHECK(outcome(verifier, token) == "token not valid yet");
  clock.set(kNow + 59'999);
  CHECK(verifier.verify(token) == *first);
}

TEST_CASE("a token that came too early is accepted when its time has come") {
  const PkeyPtr pkey = new_ed25519_key();
  HandClock clock(kNow - 100'000);
  Verifier verifier(key_set(public_key(Algorithm::kEdDsa, pkey)), {}, clock);
  const std::string token =
      pkey_token(Algorithm::kEdDsa, pkey, R"({"sub":"app","exp":1764000060,"nbf":1764000000})");
  CHECK(outcome(verifier, token) == "token not valid yet");
  clock.set(kNow);
  CHECK(outcome(verifier, token) == "accepted");
}

TEST_CASE("after a rotation the tokens of a dropped key are refused, remembered ones too") {
  const HandClock clock(kNow);
  const PkeyPtr before = new_ed25519_key();
  const PkeyPtr after = new_ed25519_key();
  Verifier verifier(key_set(public_key(Algorithm::kEdDsa, before)), {}, clock);
  const std::string token = pkey_token(Algorithm::kEdDsa, before);
  CHECK(outcome(verifier, token) == "accepted");
  CHECK(outcome(verifier, token) == "accepted");
  verifier.rotate(
      key_set(public_key(Algorithm::kEdDsa, before), public_key(Algorithm::kEdDsa, after)));
  CHECK(outcome(verifier, token) == "accepted");
  CHECK(outcome(verifier, pkey_token(Algorithm::kEdDsa, after)) == "accepted");
  verifier.rotate(key_set(public_key(Algorithm::kEdDsa, after)));
  CHECK(outcome(verifier, token) == "signature does not match");
}

TEST_CASE("a token that was refused is not remembered as good, nor one that differs in a letter") {
  const HandClock clock(kNow);
  const PkeyPtr pkey = new_ed25519_key();
  Verifier verifier(key_set(public_key(Algorithm::kEdDsa, pkey)), {}, clock);
  std::string token = pkey_token(Algorithm::kEdDsa, pkey);
  CHECK(outcome(verifier, token) == "accepted");
  char& letter = token[token.rfind('.') + 1];
  letter = letter == 'A' ? 'B' : 'A';
  CHECK(outcome(verifier, token) == "signature does not match");
  CHECK(outcome(verifier, token) == "signature does not match");
}

TEST_CASE("at most 4096 verified tokens are remembered, and those in use stay") {
  VerifiedTokens tokens;
  const auto digest_of = [](int i) {
    VerifiedTokens::Digest digest{};
    digest[0] = static_cast<unsigned char>(i & 0xFF);
    digest[1] = static_cast<unsigned char>(i >> 8);
    return digest;
  };
  for (int i = 0; i < 20'000; ++i) {
    tokens.insert(digest_of(i), {.principal = {.subject = std::to_string(i)}, .validity = {}});
    REQUIRE(tokens.size() <= 4096);
    const Claims* first = tokens.find(digest_of(0));
    REQUIRE(first != nullptr);
    CHECK(first->principal.subject == "0");
  }
  CHECK(tokens.find(digest_of(1)) == nullptr);
  tokens.clear();
  CHECK(tokens.size() == 0);
  CHECK(tokens.find(digest_of(0)) == nullptr);
}
