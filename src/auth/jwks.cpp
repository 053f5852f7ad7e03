#include "auth/jwks.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <expected>
#include <optional>
#include <utility>

#include "auth/base64url.h"
#include "auth/json_reader.h"

namespace fairlead::auth {

namespace {

constexpr std::size_t kMaxTextBytes = 1024UL * 1024;
constexpr std::size_t kMaxKeys = 256;
/// The exponent's size sets the cost of a check; in use are 3 and 65537.
constexpr int kMaxExponentBits = 64;
constexpr std::size_t kEd25519Bytes = 32;

using Object = JsonReader::Object;

/// A key, or the reason to skip it.
using KeyOrSkip = std::expected<Key, std::string>;

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool has_member(Object jwk, std::string_view name) { return !jwk[name].error(); }

std::optional<std::string_view> text_of(Object jwk, std::string_view name) {
  std::string_view text;
  if (jwk[name].get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

Result<std::string> bytes_member(Object jwk, std::string_view name) {
  const auto text = text_of(jwk, name);
  auto bytes = text ? decode_base64url(*text) : std::nullopt;
  if (!bytes || bytes->empty()) return fail(Code::kInvalid, "{}: not base64url", name);
  return std::move(*bytes);
}

Result<PkeyPtr> build_pkey(const char* type, OSSL_PARAM* params) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  const bool is_made = context != nullptr && params != nullptr &&
                       EVP_PKEY_fromdata_init(context.get()) == 1 &&
                       EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, params) == 1;
  PkeyPtr pkey(made);
  ERR_clear_error();
  if (!is_made) return fail(Code::kInvalid, "not a valid {} key", type);
  return pkey;
}

Result<PkeyPtr> rsa_pkey(Object jwk) {
  const auto n = bytes_member(jwk, "n");
  if (!n) return std::unexpected(n.error());
  const auto e = bytes_member(jwk, "e");
  if (!e) return std::unexpected(e.error());
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  const BignumPtr modulus(BN_bin2bn(bytes_of(*n), static_cast<int>(n->size()), nullptr));
  const BignumPtr exponent(BN_bin2bn(bytes_of(*e), static_cast<int>(e->size()), nullptr));
  if (BN_num_bits(exponent.get()) > kMaxExponentBits || !BN_is_odd(exponent.get()) ||
      BN_is_one(exponent.get())) {
    return fail(Code::kInvalid, "e: not an RSA exponent that is taken");
  }
  const bool is_ready =
      builder != nullptr &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1;
  const ParamsPtr params(is_ready ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr);
  return build_pkey("RSA", params.get());
}

Result<PkeyPtr> ec_pkey(Object jwk, Algorithm algorithm) {
  const auto x = bytes_member(jwk, "x");
  if (!x) return std::unexpected(x.error());
  const auto y = bytes_member(jwk, "y");
  if (!y) return std::unexpected(y.error());
  // RFC 7518, 6.2.1.2: coordinates have their full length, leading zeros included.
  const std::size_t length = coordinate_bytes_of(algorithm);
  if (x->size() != length || y->size() != length) {
    return fail(Code::kInvalid, "x, y: {} bytes each on this curve", length);
  }
  std::string group = curve_name_of(algorithm);
  std::string point = "\x04" + *x + *y;
  std::array<OSSL_PARAM, 3> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  auto pkey = build_pkey("EC", params.data());
  if (!pkey) return pkey;
  const PkeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey->get(), nullptr));
  const bool is_on_curve = check != nullptr && EVP_PKEY_public_check(check.get()) == 1;
  ERR_clear_error();
  if (!is_on_curve) return fail(Code::kInvalid, "x, y: not a point on the curve");
  return pkey;
}

Result<PkeyPtr> ed25519_pkey(Object jwk) {
  const auto x = bytes_member(jwk, "x");
  if (!x) return std::unexpected(x.error());
  if (x->size() != kEd25519Bytes) {
    return fail(Code::kInvalid, "x: {} bytes for Ed25519", kEd25519Bytes);
  }
  PkeyPtr pkey(
      EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, bytes_of(*x), x->size()));
  ERR_clear_error();
  if (pkey == nullptr) return fail(Code::kInvalid, "x: not an Ed25519 key");
  return pkey;
}

/// Why this key is not for checking signatures (RFC 7517, 4.2 and 4.3), if so.
std::optional<std::string> not_for_checking(Object jwk) {
  if (has_member(jwk, "use")) {
    const auto use = text_of(jwk, "use");
    if (use != "sig") return "use is not sig";
  }
  if (!has_member(jwk, "key_ops")) return std::nullopt;
  simdjson::dom::array operations;
  if (jwk["key_ops"].get(operations) == simdjson::SUCCESS) {
    for (const simdjson::dom::element operation : operations) {
      std::string_view name;
      if (operation.get(name) == simdjson::SUCCESS && name == "verify") return std::nullopt;
    }
  }
  return "key_ops has no verify";
}

/// The algorithm that the curve or the type alone means.
std::optional<Algorithm> usual_algorithm_of(KeyType type, std::string_view curve) {
  if (type == KeyType::kRsa) return Algorithm::kRs256;
  if (type == KeyType::kEc && curve == "P-256") return Algorithm::kEs256;
  if (type == KeyType::kEc && curve == "P-384") return Algorithm::kEs384;
  if (type == KeyType::kOkp && curve == "Ed25519") return Algorithm::kEdDsa;
  return std::nullopt;
}

Result<Algorithm> check_algorithm(Algorithm algorithm, KeyType type, std::string_view curve) {
  const char* const needed = curve_name_of(algorithm);
  if (key_type_of(algorithm) != type || (needed != nullptr && curve != needed)) {
    return fail(Code::kInvalid, "alg {} does not go with kty {} {}", name_of(algorithm),
                name_of(type), curve);
  }
  return algorithm;
}

Result<Key> build_key(Object jwk, KeyType type, Algorithm algorithm,
                      std::optional<std::string> kid) {
  if (type == KeyType::kOct) {
    auto secret = bytes_member(jwk, "k");
    if (!secret) return std::unexpected(std::move(secret.error()));
    return Key::from_secret(algorithm, std::move(*secret), std::move(kid));
  }
  auto pkey = type == KeyType::kRsa  ? rsa_pkey(jwk)
              : type == KeyType::kEc ? ec_pkey(jwk, algorithm)
                                     : ed25519_pkey(jwk);
  if (!pkey) return std::unexpected(std::move(pkey.error()));
  return Key::from_public(algorithm, std::move(*pkey), std::move(kid));
}

Result<KeyOrSkip> read_key(Object jwk) {
  const auto kty = text_of(jwk, "kty");
  if (!kty) return fail(Code::kInvalid, "kty: missing");
  const auto type = key_type_named(*kty);
  if (!type) return KeyOrSkip(std::unexpect, "this kty is not taken");
  if (auto reason = not_for_checking(jwk)) return KeyOrSkip(std::unexpect, std::move(*reason));

  const std::string_view curve = text_of(jwk, "crv").value_or("");
  std::optional<Algorithm> algorithm = usual_algorithm_of(*type, curve);
  if (has_member(jwk, "alg")) {
    algorithm = algorithm_named(text_of(jwk, "alg").value_or(""));
    if (!algorithm) return KeyOrSkip(std::unexpect, "this alg is not taken");
  } else if (*type == KeyType::kOct) {
    return fail(Code::kInvalid, "alg: needed for kty oct");
  }
  if (!algorithm) return KeyOrSkip(std::unexpect, "this crv is not taken");
  if (auto checked = check_algorithm(*algorithm, *type, curve); !checked) {
    return std::unexpected(std::move(checked.error()));
  }

  std::optional<std::string> kid;
  if (has_member(jwk, "kid")) {
    const auto text = text_of(jwk, "kid");
    if (!text) return fail(Code::kInvalid, "kid: not a string");
    kid = std::string(*text);
  }
  auto key = build_key(jwk, *type, *algorithm, std::move(kid));
  if (!key) return std::unexpected(std::move(key.error()));
  return KeyOrSkip(std::move(*key));
}

}  // namespace

Result<Jwks> read_jwks(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return fail(Code::kInvalid, "the key set has over {} bytes", kMaxTextBytes);
  }
  JsonReader reader;
  const auto root = reader.read(text);
  if (!root) return fail(Code::kInvalid, "the key set {}", root.error());
  simdjson::dom::array entries;
  if ((*root)["keys"].get(entries) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "the key set has no array \"keys\"");
  }
  if (entries.size() > kMaxKeys) {
    return fail(Code::kInvalid, "the key set has over {} keys", kMaxKeys);
  }
  Jwks jwks;
  std::size_t index = 0;
  for (const simdjson::dom::element entry : entries) {
    const std::string name = fmt::format("keys[{}]", index++);
    Object jwk;
    if (entry.get(jwk) != simdjson::SUCCESS) return fail(Code::kInvalid, "{}: no object", name);
    auto key = read_key(jwk);
    if (!key) return fail(Code::kInvalid, "{}: {}", name, key.error().message);
    if (*key) {
      jwks.keys.push_back(std::move(**key));
    } else {
      jwks.skipped.push_back(name + ": " + key->error());
    }
  }
  if (jwks.keys.empty()) {
    return fail(Code::kInvalid, "the key set has no key for checking signatures");
  }
  return jwks;
}

}  // namespace fairlead::auth
