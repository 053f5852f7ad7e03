#include "auth/verifier.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "auth/base64url.h"
#include "auth/claims.h"
#include "auth/prepared_key.h"
#include "auth/token.h"
#include "auth/verified_tokens.h"
#include "base/assert.h"

namespace fairlead::auth {

namespace {

/// How many keys a token without `kid`, or with one that several keys have, may cost.
constexpr int kMaxTries = 16;
/// A token with more to remember is verified each time: it bounds what 4096 of them hold.
constexpr std::size_t kMaxDevicesKept = 32;

VerifiedTokens::Digest sha256_of(std::string_view text) {
  VerifiedTokens::Digest digest{};
  const int done =
      EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  FAIRLEAD_ASSERT(done == 1);
  return digest;
}

template <typename... Args>
std::unexpected<Refused> refuse_token(Refusal reason, fmt::format_string<Args...> format,
                                      Args&&... args) {
  return refuse(reason, fail(Code::kUnauthenticated, format, std::forward<Args>(args)...).error());
}

/// A key that has no `kid` (a secret file, a PEM file) is meant by every token.
bool is_named(const Key& key, const std::optional<std::string>& kid) {
  return !kid || !key.kid() || *key.kid() == *kid;
}

}  // namespace

Verifier::Verifier(std::shared_ptr<const KeySet> keys, TokenPolicy policy, const Clock& clock)
    : policy_(std::move(policy)), clock_(clock), json_(std::make_unique<JsonReader>()) {
  rotate(std::move(keys));
}

Verifier::~Verifier() = default;

void Verifier::rotate(std::shared_ptr<const KeySet> keys) {
  FAIRLEAD_ASSERT(keys != nullptr);
  if (keys == keys_) return;
  prepared_.clear();
  keys_ = std::move(keys);
  prepared_.reserve(keys_->keys().size());
  for (const Key& key : keys_->keys()) prepared_.emplace_back(key);
  verified_ = keys_->has_public_keys() ? std::make_unique<VerifiedTokens>() : nullptr;
}

std::optional<Verdict<Principal>> Verifier::recall(std::string_view jwt) {
  // Before anything is computed of it.
  if (jwt.size() > kMaxTokenBytes) {
    return refuse_token(Refusal::kMalformed, "token over {} bytes", kMaxTokenBytes);
  }
  if (verified_ == nullptr) return std::nullopt;
  const Claims* const known = verified_->find(sha256_of(jwt));
  if (known == nullptr) return std::nullopt;
  if (auto checked = check_validity(known->validity, policy_, clock_.now_ms()); !checked) {
    return refuse(Refusal::kTime, std::move(checked.error()));
  }
  return known->principal;
}

Verdict<Principal> Verifier::verify(std::string_view jwt) {
  if (auto known = recall(jwt)) return std::move(*known);
  auto claims = check(jwt);
  if (!claims) return std::unexpected(std::move(claims.error()));
  return take_checked(jwt, std::move(*claims));
}

std::optional<Verdict<Principal>> Verifier::verify_quickly(std::string_view jwt) {
  if (auto known = recall(jwt)) return known;
  if (verified_ != nullptr && is_slow(jwt)) return std::nullopt;
  auto claims = check(jwt);
  if (!claims) return std::unexpected(std::move(claims.error()));
  return take_checked(jwt, std::move(*claims));
}

bool Verifier::is_slow(std::string_view jwt) {
  const auto parts = split_token(jwt);
  if (!parts || !take_header(parts->header)) return false;
  const KeyType type = key_type_of(header_->algorithm);
  if (type != KeyType::kEc && type != KeyType::kOkp) return false;
  return std::ranges::any_of(prepared_, [this](const PreparedKey& prepared) {
    return prepared.key().algorithm() == header_->algorithm &&
           is_named(prepared.key(), header_->kid);
  });
}

Verdict<Principal> Verifier::take_checked(std::string_view jwt, Claims claims) {
  if (auto checked = check_validity(claims.validity, policy_, clock_.now_ms()); !checked) {
    return refuse(Refusal::kTime, std::move(checked.error()));
  }
  if (verified_ == nullptr ||
      (claims.principal.devices && claims.principal.devices->size() > kMaxDevicesKept)) {
    return std::move(claims.principal);
  }
  return verified_->insert(sha256_of(jwt), std::move(claims)).principal;
}

Verdict<Claims> Verifier::check(std::string_view jwt) {
  const auto parts = split_token(jwt);
  if (!parts) return refuse(Refusal::kMalformed, parts.error());
  if (auto taken = take_header(parts->header); !taken) {
    return std::unexpected(std::move(taken.error()));
  }
  // The signature comes before the claims: nothing unsigned is read further than this.
  if (auto checked = check_signature(*parts); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  const auto claims_object = json_->read_base64url(parts->claims);
  if (!claims_object) {
    return refuse_token(Refusal::kMalformed, "token malformed: the claims part {}",
                        claims_object.error());
  }
  auto claims = read_claims(*claims_object, policy_);
  if (!claims) return refuse(Refusal::kClaims, std::move(claims.error()));
  return std::move(*claims);
}

Verdict<void> Verifier::take_header(std::string_view encoded) {
  if (header_ != nullptr && encoded == header_text_) return {};
  const auto object = json_->read_base64url(encoded);
  if (!object) {
    return refuse_token(Refusal::kMalformed, "token malformed: the header {}", object.error());
  }
  auto header = read_header(*object);
  if (!header) return std::unexpected(std::move(header.error()));
  header_ = std::make_unique<TokenHeader>(std::move(*header));
  header_text_ = encoded;
  return {};
}

Verdict<void> Verifier::check_signature(const TokenParts& parts) {
  const TokenHeader& header = *header_;
  signature_.resize(decoded_size(parts.signature.size()));
  const auto size = decode_base64url(parts.signature, signature_.data());
  if (!size) {
    return refuse_token(Refusal::kMalformed, "token malformed: the signature is not base64url");
  }
  signature_.resize(*size);
  // A `kid` that no key bears may be that of a key yet to come, whatever keys without one say.
  bool is_awaited = header.kid.has_value();
  bool is_known = false;
  int tries = 0;
  for (PreparedKey& prepared : prepared_) {
    if (!is_named(prepared.key(), header.kid)) continue;
    is_known = true;
    if (prepared.key().kid() == header.kid) is_awaited = false;
    if (prepared.key().algorithm() != header.algorithm) continue;
    if (prepared.accepts(parts.signed_text, signature_)) return {};
    if (++tries == kMaxTries) break;
  }
  const auto reason = [is_awaited](Refusal otherwise) {
    return is_awaited ? Refusal::kUnknownKey : otherwise;
  };
  if (tries > 0) return refuse_token(reason(Refusal::kSignature), "signature does not match");
  if (is_known) {
    return refuse_token(reason(Refusal::kAlgorithm), "token's algorithm is not that of the key");
  }
  return refuse_token(Refusal::kUnknownKey, "unknown key");
}

}  // namespace fairlead::auth
