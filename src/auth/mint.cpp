#include "auth/mint.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstddef>

#include "auth/base64url.h"
#include "base/assert.h"

namespace fairlead::auth {

namespace {

constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT"})";

void append_quoted(std::string& json, std::string_view text) {
  json += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      json += c;
    }
  }
  json += '"';
}

void append_name(std::string& json, std::string_view name) {
  if (json.size() > 1) json += ',';
  append_quoted(json, name);
  json += ':';
}

void append_text(std::string& json, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  append_name(json, name);
  append_quoted(json, text);
}

/// Seconds, with a fraction where the milliseconds need one.
void append_date(std::string& json, std::string_view name, std::int64_t ms) {
  if (ms == 0) return;
  append_name(json, name);
  json +=
      ms % 1000 == 0 ? fmt::format("{}", ms / 1000) : fmt::format("{}.{:03}", ms / 1000, ms % 1000);
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  std::string mac(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  const auto* made =
      EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, secret.data(), secret.size(),
                reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                reinterpret_cast<unsigned char*>(mac.data()), mac.size(), &size);
  FAIRLEAD_ASSERT(made != nullptr);
  mac.resize(size);
  return mac;
}

}  // namespace

std::string to_json(const TokenClaims& claims, const ClaimNames& names) {
  std::string json = "{";
  append_text(json, names.sub, claims.sub);
  append_text(json, names.kind, claims.kind);
  append_text(json, names.tenant, claims.tenant);
  append_text(json, names.scope, claims.scope);
  if (claims.devices) {
    append_name(json, names.devices);
    char separator = '[';
    for (const std::string& pattern : *claims.devices) {
      json += separator;
      append_quoted(json, pattern);
      separator = ',';
    }
    json += claims.devices->empty() ? "[]" : "]";
  }
  append_date(json, names.exp, claims.expires_at_ms);
  append_date(json, "nbf", claims.not_before_ms);
  append_date(json, "iat", claims.issued_at_ms);
  append_text(json, "jti", claims.jti);
  append_text(json, "iss", claims.iss);
  append_text(json, "aud", claims.aud);
  return json + "}";
}

std::string mint_hs256(std::string_view secret, const TokenClaims& claims,
                       const ClaimNames& names) {
  std::string token = encode_base64url(kHeader) + "." + encode_base64url(to_json(claims, names));
  token += "." + encode_base64url(hmac_sha256(secret, token));
  return token;
}

}  // namespace fairlead::auth
