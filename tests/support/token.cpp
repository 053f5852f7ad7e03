#include "support/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cmath>

#include "support/deadline.h"

namespace fairlead::support {

std::string base64url(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t pending = 0;
  int bits = 0;
  for (const char c : bytes) {
    pending = (pending << 8U) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6;) {
      bits -= 6;
      out += kAlphabet[(pending >> static_cast<unsigned>(bits)) & 63U];
    }
  }
  if (bits > 0) out += kAlphabet[(pending << static_cast<unsigned>(6 - bits)) & 63U];
  return out;
}

std::string sign_hs256(std::string_view header, std::string_view claims, std::string_view secret) {
  const std::string signed_part = base64url(header) + "." + base64url(claims);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), mac.data(),
       &length);
  return signed_part + "." +
         base64url({reinterpret_cast<const char*>(mac.data()), static_cast<std::size_t>(length)});
}

Token Token::device(std::string_view id) {
  Token token;
  token.claim("sub", id).claim("kind", "device").expires_in(3600);
  return token;
}

Token Token::client(std::string_view name) {
  Token token;
  token.claim("sub", name).claim("kind", "client").expires_in(3600);
  return token;
}

Token& Token::may_do_all() {
  return scope(
      "telemetry:read telemetry:write device:read device:write command:read command:send "
      "connection:read admin");
}

Token& Token::expires_in(double seconds) {
  const double at = static_cast<double>(now_ms()) / 1000 + seconds;
  // Whole seconds where a test does not ask for less: what most issuers write.
  if (std::floor(seconds) == seconds) return claim("exp", static_cast<std::int64_t>(at));
  return claim("exp", at);
}

Token& Token::claim(std::string_view name, Json value) {
  claims_ = claims_.with(name, std::move(value));
  return *this;
}

Token& Token::without(std::string_view name) {
  claims_ = claims_.without(name);
  return *this;
}

Token& Token::header(std::string_view name, Json value) {
  header_ = header_.with(name, std::move(value));
  return *this;
}

std::string Token::sign_by(const std::function<std::string(std::string_view)>& sign) const {
  const std::string signed_part = base64url(header_.dump()) + "." + base64url(claims_.dump());
  return signed_part + "." + base64url(sign(signed_part));
}

std::string Token::sign(std::string_view secret) const {
  return sign_hs256(header_.dump(), claims_.dump(), secret);
}

}  // namespace fairlead::support
