// What checking a token costs, whole: the text, the signature, the claims.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/base64url.h"
#include "auth/key.h"
#include "auth/mint.h"
#include "auth/openssl_ptr.h"
#include "auth/verifier.h"
#include "base/assert.h"

namespace {

using namespace fairlead;
using namespace fairlead::auth;

const std::string kSecret(32, 's');

std::shared_ptr<const KeySet> set_of(Key key) {
  std::vector<Key> keys;
  keys.push_back(std::move(key));
  return std::make_shared<const KeySet>(std::move(keys));
}

std::string device_token() {
  return mint_hs256(kSecret, {.sub = "boiler-7",
                              .kind = "device",
                              .tenant = "acme",
                              .expires_at_ms = 4'000'000'000'000,
                              .issued_at_ms = 1'764'000'000'000,
                              .jti = "0b6f6a2e-8a52-4c1b-9f0e-2f1f8c3b7d55"});
}

void verify_hs256(benchmark::State& state) {
  const SystemClock clock;
  Verifier verifier(set_of(Key::from_secret(Algorithm::kHs256, kSecret).value()), {}, clock);
  const std::string token = device_token();
  for (auto _ : state) {
    auto principal = verifier.verify(token);
    FAIRLEAD_ASSERT(principal.has_value());
    benchmark::DoNotOptimize(principal);
  }
}
BENCHMARK(verify_hs256);

/// r and s side by side (RFC 7518, 3.4) out of DER.
std::string raw_of(const std::string& der, std::size_t half) {
  const auto* in = reinterpret_cast<const unsigned char*>(der.data());
  const EcdsaSignaturePtr pair(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  std::string raw(2 * half, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, static_cast<int>(half));
  BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + half, static_cast<int>(half));
  return raw;
}

std::string sign(Algorithm algorithm, EVP_PKEY* key, const std::string& text) {
  const DigestContextPtr context(EVP_MD_CTX_new());
  std::string signature(1024, '\0');
  std::size_t size = signature.size();
  const bool is_signed =
      EVP_DigestSignInit_ex(context.get(), nullptr, digest_name_of(algorithm), nullptr, nullptr,
                            key, nullptr) == 1 &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  FAIRLEAD_ASSERT(is_signed);
  signature.resize(size);
  const std::size_t half = coordinate_bytes_of(algorithm);
  return half > 0 ? raw_of(signature, half) : signature;
}

PkeyPtr new_key(Algorithm algorithm) {
  if (key_type_of(algorithm) == KeyType::kRsa) {
    return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  }
  if (algorithm == Algorithm::kEdDsa) {
    return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }
  return PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve_name_of(algorithm)));
}

/// A token that is new each time: nothing is remembered.
void verify_anew(benchmark::State& state, Algorithm algorithm) {
  const SystemClock clock;
  PkeyPtr key = new_key(algorithm);
  const std::string header = R"({"alg":")" + std::string(name_of(algorithm)) + R"("})";
  const std::string text =
      encode_base64url(header) + "." +
      encode_base64url(to_json({.sub = "boiler-7", .expires_at_ms = 4'000'000'000'000}));
  const std::string token = text + "." + encode_base64url(sign(algorithm, key.get(), text));
  const auto keys = set_of(Key::from_public(algorithm, std::move(key)).value());
  const auto others = set_of(Key::from_secret(Algorithm::kHs256, kSecret).value());
  Verifier verifier(keys, {}, clock);
  for (auto _ : state) {
    state.PauseTiming();
    verifier.rotate(others);
    verifier.rotate(keys);
    state.ResumeTiming();
    auto principal = verifier.verify(token);
    FAIRLEAD_ASSERT(principal.has_value());
  }
}
BENCHMARK_CAPTURE(verify_anew, rs256, Algorithm::kRs256);
BENCHMARK_CAPTURE(verify_anew, es256, Algorithm::kEs256);
BENCHMARK_CAPTURE(verify_anew, es384, Algorithm::kEs384);
BENCHMARK_CAPTURE(verify_anew, eddsa, Algorithm::kEdDsa);

void verify_remembered(benchmark::State& state) {
  const SystemClock clock;
  PkeyPtr key = new_key(Algorithm::kEs384);
  const std::string text =
      encode_base64url(R"({"alg":"ES384"})") + "." +
      encode_base64url(to_json({.sub = "boiler-7", .expires_at_ms = 4'000'000'000'000}));
  const std::string token = text + "." + encode_base64url(sign(Algorithm::kEs384, key.get(), text));
  Verifier verifier(set_of(Key::from_public(Algorithm::kEs384, std::move(key)).value()), {}, clock);
  for (auto _ : state) {
    auto principal = verifier.verify(token);
    FAIRLEAD_ASSERT(principal.has_value());
  }
}
BENCHMARK(verify_remembered);

}  // namespace
