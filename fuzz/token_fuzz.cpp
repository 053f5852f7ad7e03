// Everything that is read before a signature was checked, and, because the fuzzer cannot sign, the
// claims as if it had. What must hold: no crash, and no token that we did not sign is accepted.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/base64url.h"
#include "auth/claims.h"
#include "auth/handshake_token.h"
#include "auth/json_reader.h"
#include "auth/jwks.h"
#include "auth/keys.h"
#include "auth/origin.h"
#include "auth/verifier.h"
#include "base/assert.h"
#include "base/clock.h"
#include "protocol/names.h"

namespace {

using namespace fairlead;
using namespace fairlead::auth;

class FixedClock final : public Clock {
 public:
  std::int64_t now_ms() const override { return 1'300'000'000'000; }
  std::int64_t steady_ms() const override { return 0; }
};

/// The keys of RFC 7515, A.3 and RFC 8037, A.4, and a secret that no input knows.
std::shared_ptr<const KeySet> some_keys() {
  auto jwks = read_jwks(
      R"({"keys":[{"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},)"
      R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  FAIRLEAD_ASSERT(jwks.has_value());
  auto secret = Key::from_secret(Algorithm::kHs256, "a secret that no fuzzer will guess, ever");
  FAIRLEAD_ASSERT(secret.has_value());
  jwks->keys.push_back(std::move(*secret));
  return std::make_shared<const KeySet>(std::move(jwks->keys));
}

void check_claims(std::string_view input) {
  JsonReader reader;
  const auto object = reader.read(input);
  if (!object) return;
  const auto claims = read_claims(*object, TokenPolicy{.require_exp = false});
  if (!claims) return;
  const Principal& principal = claims->principal;
  FAIRLEAD_ASSERT(protocol::is_tenant(principal.tenant));
  FAIRLEAD_ASSERT(!principal.subject.empty());
  FAIRLEAD_ASSERT(principal.kind == Kind::kClient || protocol::is_device_id(principal.subject));
  FAIRLEAD_ASSERT(principal.kind == Kind::kClient || principal.scopes.is_empty());
}

void check_places(std::string_view input) {
  const std::vector<std::string_view> offered = {input, input.substr(input.size() / 2)};
  static_cast<void>(find_handshake_token({.authorization = input}));
  static_cast<void>(
      find_handshake_token({.subprotocols = offered, .query = input, .allow_query_token = true}));
  static_cast<void>(find_handshake_token({.query = input, .allow_query_token = true}));
  static_cast<void>(choose_subprotocol(offered, true));
  const auto policy = OriginPolicy::make({"https://app.example"});
  FAIRLEAD_ASSERT(policy.has_value());
  static_cast<void>(policy->allows(input, "hub:8080", false));
  static_cast<void>(policy->allows("http://hub", input, false));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  static const FixedClock clock;
  static const std::shared_ptr<const KeySet> keys = some_keys();
  Verifier verifier(keys, TokenPolicy{.claims = {.sub = "iss"}}, clock);
  // The one token that is signed: RFC 7515, A.3.
  constexpr std::string_view kSigned =
      "eyJhbGciOiJFUzI1NiJ9"
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cn"
      "VlfQ"
      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  const auto principal = verifier.verify(input);
  FAIRLEAD_ASSERT(principal.has_value() == (input == kSigned));

  if (const auto bytes = decode_base64url(input)) {
    FAIRLEAD_ASSERT(encode_base64url(*bytes) == input);
  }
  check_claims(input);
  check_places(input);
  static_cast<void>(read_jwks(input));
  return 0;
}
