// The attacks of RFC 8725 and their kin: each token below is wrong in one way.
#include "auth/token.h"

#include <doctest/doctest.h>

#include <string>

#include "auth/verifier.h"
#include "signing.h"

using namespace fairlead::auth;
using namespace fairlead::auth::testing;

namespace {

/// Why the hub refuses `token` with the key of `kSecret`.
std::string refusal(std::string_view token) {
  const HandClock clock(kNow);
  Verifier verifier(key_set(hs256_key()), {}, clock);
  return outcome(verifier, token);
}

std::string with_header(std::string_view header) { return hs256_token(kClaims, header); }

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("the token that all others here differ from is accepted") {
  CHECK(refusal(hs256_token()) == "accepted");
}

TEST_CASE("alg none is refused in every spelling, signed or not") {
  for (const char* alg : {"none", "None", "NONE", "nOnE", "none ", ""}) {
    CAPTURE(std::string(alg));
    CHECK(refusal(with_header(header_of(alg))) == "token's algorithm is not taken");
    const std::string text = unsigned_token(header_of(alg), kClaims);
    CHECK(refusal(text + ".") == "token malformed: a part is empty");
    CHECK(refusal(text) == "token malformed: it has three parts");
  }
}

TEST_CASE("alg has to be a string, spelled exactly") {
  for (const char* header :
       {R"({"alg":5})", R"({"alg":null})", R"({"alg":["HS256"]})", R"({"alg":{"HS256":1}})",
        R"({"alg":true})", R"({})", R"({"Alg":"HS256"})"}) {
    CAPTURE(std::string(header));
    CHECK(refusal(with_header(header)) == "token malformed: alg is not a string");
  }
  for (const char* alg : {"hs256", "HS256 ", "HS256\\u0000", "HS1", "RS1", "ES512", "dir"}) {
    CAPTURE(std::string(alg));
    CHECK(refusal(with_header(header_of(alg))) == "token's algorithm is not taken");
  }
}

TEST_CASE("a public key is not taken for an HMAC secret") {
  const HandClock clock(kNow);
  const PkeyPtr pkey = new_rsa_key();
  const std::string pem = to_pem(pkey);
  Verifier verifier(key_set(Key::from_public(Algorithm::kRs256, share(pkey)).value()), {}, clock);
  for (const std::string& secret : {pem, pem.substr(0, pem.size() - 1)}) {
    const std::string text = unsigned_token(header_of("HS256"), kClaims);
    CHECK(outcome(verifier, text + "." + encode_base64url(mac(Algorithm::kHs256, secret, text))) ==
          "token's algorithm is not that of the key");
  }
}

TEST_CASE("an algorithm other than the key's is refused though the signature be right") {
  const HandClock clock(kNow);
  const PkeyPtr pkey = new_rsa_key();
  Verifier verifier(key_set(Key::from_public(Algorithm::kRs256, share(pkey)).value()), {}, clock);
  CHECK(outcome(verifier, pkey_token(Algorithm::kRs256, pkey)) == "accepted");
  for (const auto algorithm : {Algorithm::kRs384, Algorithm::kRs512, Algorithm::kPs256}) {
    CHECK(outcome(verifier, pkey_token(algorithm, pkey)) ==
          "token's algorithm is not that of the key");
  }
}

TEST_CASE("a header that claims one algorithm over a signature of another is refused") {
  const std::string secret(64, 's');
  const HandClock clock(kNow);
  Verifier verifier(key_set(hs256_key(secret)), {}, clock);
  const std::string text = unsigned_token(header_of("HS256"), kClaims);
  CHECK(outcome(verifier, text + "." + encode_base64url(mac(Algorithm::kHs512, secret, text))) ==
        "signature does not match");
}

TEST_CASE("any crit is refused") {
  for (const char* crit : {R"(["exp"])", "[]", R"(["b64"])", "null", R"("x")"}) {
    CAPTURE(std::string(crit));
    CHECK(refusal(with_header(R"({"alg":"HS256","b64":true,"exp":1,"crit":)" + std::string(crit) +
                              "}")) == "token needs an extension that is not understood");
  }
}

TEST_CASE("keys and addresses in the header are not believed") {
  const PkeyPtr pkey = new_ed25519_key();
  const std::string header =
      R"({"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},)"
      R"("jku":"https://evil.example/jwks","x5u":"https://evil.example","x5c":["MIIB"]})";
  const std::string text = unsigned_token(header, kClaims);
  CHECK(refusal(text + "." + encode_base64url(sign(Algorithm::kEdDsa, pkey, text))) ==
        "token's algorithm is not that of the key");
  // Nor do they hurt a token that is right without them.
  CHECK(refusal(with_header(
            R"({"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"jku":7,"x5c":[],"typ":9})")) ==
        "accepted");
}

TEST_CASE("a member that comes twice is refused, in the header, in the claims, at any depth") {
  CHECK(contains(refusal(with_header(R"({"alg":"HS256","alg":"HS256"})")),
                 "header has a member twice"));
  CHECK(contains(refusal(with_header(R"({"alg":"HS256","a\u006cg":"none"})")),
                 "header has a member twice"));
  for (const char* claims :
       {R"({"sub":"a","exp":1764000060,"sub":"b"})", R"({"sub":"a","\u0073ub":"b"})",
        R"({"sub":"a","exp":1764000060,"x":{"y":1,"y":1}})",
        R"({"sub":"a","exp":1764000060,"x":[[{"y":{"z":1,"q":2,"z":1}}]]})"}) {
    CAPTURE(std::string(claims));
    CHECK(contains(refusal(hs256_token(claims)), "claims part has a member twice"));
  }
  std::string many = R"({"sub":"a","exp":1764000060)";
  for (int i = 0; i < 100; ++i) many += ",\"" + std::to_string(i) + "\":{\"y\":1}";
  CHECK(refusal(hs256_token(many + "}")) == "accepted");
  CHECK(contains(refusal(hs256_token(many + R"(,"50":1})")), "claims part has a member twice"));
}

TEST_CASE("header and claims have to be JSON objects, nested 32 deep at most") {
  for (const char* text : {"", "[]", "null", "\"x\"", "{", "{} {}", "{'a':1}", "{\"a\":1,}", "\xff",
                           "{\"a\":\"\xff\"}", "{\"a\":01}", "\xef\xbb\xbf{}"}) {
    CAPTURE(std::string(text));
    CHECK(refusal(with_header(text)).starts_with("token malformed: "));
    CHECK(refusal(hs256_token(text)).starts_with("token malformed: "));
  }
  const auto nested = [](std::size_t depth) {
    return hs256_token(R"({"sub":"a","exp":1764000060,"x":)" + std::string(depth, '[') +
                       std::string(depth, ']') + "}");
  };
  CHECK(refusal(nested(30)) == "accepted");
  CHECK(contains(refusal(nested(32)), "not valid JSON"));
  CHECK(contains(refusal(nested(2500)), "not valid JSON"));
}

TEST_CASE("a token has exactly three parts, none empty") {
  const std::string token = hs256_token();
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("..."), "." + token,
        token + ".", token + ".x", token.substr(0, token.rfind('.')),
        token.substr(0, token.rfind('.') + 1), token.substr(token.find('.'))}) {
    CAPTURE(std::string(text));
    CHECK(refusal(text).starts_with("token malformed: "));
  }
}

TEST_CASE("a token cut anywhere, or with one letter changed, is refused") {
  const std::string token = hs256_token();
  const HandClock clock(kNow);
  Verifier verifier(key_set(hs256_key()), {}, clock);
  for (std::size_t i = 0; i < token.size(); ++i) {
    CHECK_FALSE(verifier.verify(std::string_view(token).substr(0, i)));
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(verifier.verify(changed));
  }
  CHECK(verifier.verify(token));
}

TEST_CASE("parts in another base64 are refused") {
  const std::string token = hs256_token();
  // 32 bytes leave two unused bits in the last letter: its neighbour stands for the same bytes.
  std::string other_spelling = token;
  ++other_spelling.back();
  CHECK(refusal(other_spelling) == "token malformed: the signature is not base64url");
  for (const std::string& text : {token + "=", token + "==", token + "\n", " " + token,
                                  token.substr(0, 5) + " " + token.substr(5)}) {
    CHECK(refusal(text).starts_with("token malformed: "));
  }
}

TEST_CASE("a token of 8 KiB is taken, one byte more is not") {
  const std::string tail = R"(","exp":1764000060})";
  std::string claims = R"({"sub":"a","x":")";
  while (hs256_token(claims + tail).size() < kMaxTokenBytes) claims += 'x';
  if (hs256_token(claims + tail).size() > kMaxTokenBytes) claims.pop_back();
  CHECK(refusal(hs256_token(claims + tail)) == "accepted");
  CHECK(refusal(hs256_token(claims + "xx" + tail)) == "token over 8192 bytes");
  CHECK(refusal(std::string(10'000'000, '.')) == "token over 8192 bytes");
}

TEST_CASE("kid has to be a string") {
  for (const char* kid : {"7", "null", "[]", R"({"a":"b"})"}) {
    CHECK(refusal(with_header(R"({"alg":"HS256","kid":)" + std::string(kid) + "}")) ==
          "token malformed: kid is not a string");
  }
}

TEST_CASE("no refusal repeats anything of the token") {
  for (const std::string& token :
       {hs256_token(R"({"sub":"hunter2\n","exp":1764000060})"),
        hs256_token(R"({"sub":"a","kind":"hunter2","exp":1764000060})"),
        hs256_token(R"({"sub":"a","tenant":"hunter2 ","exp":1764000060})"),
        hs256_token(R"({"sub":"a","devices":["hunter2 "],"exp":1764000060})"),
        with_header(R"({"alg":"hunter2"})"), with_header(R"({"alg":"RS256","kid":"hunter2"})"),
        std::string("hunter2")}) {
    const std::string message = refusal(token);
    CHECK(message != "accepted");
    CHECK_FALSE(contains(message, "hunter2"));
    CHECK_FALSE(contains(message, token));
  }
}
