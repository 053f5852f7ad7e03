#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/keys.h"
#include "auth/principal.h"
#include "auth/refusal.h"
#include "auth/token_policy.h"
#include "base/clock.h"
#include "base/result.h"

namespace fairlead::auth {

class JsonReader;
class PreparedKey;
class VerifiedTokens;
struct Claims;
struct TokenHeader;
struct TokenParts;

/// Says whom a token speaks for. One per shard: it keeps contexts, buffers and what it verified.
/// The clock outlives it.
class Verifier {
 public:
  Verifier(std::shared_ptr<const KeySet> keys, TokenPolicy policy, const Clock& clock);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// Checks a compact JWS (RFC 7515) and its claims (RFC 7519). The error is kUnauthenticated; its
  /// message says why in general words that may go to the peer, and has nothing of the token.
  /// Whether the `jti` was revoked is `Revocations`' to say.
  Verdict<Principal> verify(std::string_view jwt);

  /// The same where the answer comes quickly: nullopt for a token that is not remembered and that a
  /// key of a slow algorithm (ES256, ES384, EdDSA: 60 to 650 us) would have to check.
  std::optional<Verdict<Principal>> verify_quickly(std::string_view jwt);

  /// All but the times; remembers nothing. For threads that verify for shards.
  Verdict<Claims> check(std::string_view jwt);
  /// What check() of another verifier with the same keys found of this token: judges the times, and
  /// remembers.
  Verdict<Principal> take_checked(std::string_view jwt, Claims claims);

  const std::shared_ptr<const KeySet>& keys() const { return keys_; }

  /// From now on these keys count; what others verified is forgotten. The same again is no change.
  void rotate(std::shared_ptr<const KeySet> keys);

 private:
  /// Nullopt: it is not remembered.
  std::optional<Verdict<Principal>> recall(std::string_view jwt);
  bool is_slow(std::string_view jwt);
  Verdict<void> take_header(std::string_view encoded);
  Verdict<void> check_signature(const TokenParts& parts);

  std::shared_ptr<const KeySet> keys_;
  /// One for each of `keys_`.
  std::vector<PreparedKey> prepared_;
  const TokenPolicy policy_;
  const Clock& clock_;
  std::unique_ptr<JsonReader> json_;
  /// The last header and its text: the tokens of one issuer all have the same.
  std::string header_text_;
  std::unique_ptr<TokenHeader> header_;
  /// Scratch for the decoded signature.
  std::string signature_;
  /// Null where checking anew costs less than looking: with secrets only.
  std::unique_ptr<VerifiedTokens> verified_;
};

}  // namespace fairlead::auth
