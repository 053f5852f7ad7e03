#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "support/json.h"

namespace fairlead::support {

std::string base64url(std::string_view bytes);

/// A JWT in the making. It says only what a test is about: the rest is a token that is good for an
/// hour. Signing is OpenSSL's HMAC and our own base64url, nothing of the hub's.
class Token {
 public:
  static Token device(std::string_view id);
  static Token client(std::string_view name);

  Token& tenant(std::string_view name) { return claim("tenant", name); }
  Token& scope(std::string_view words) { return claim("scope", words); }
  Token& may_do_all();
  Token& devices(Json patterns) { return claim("devices", std::move(patterns)); }
  /// Seconds from now, fractions too; negative is in the past.
  Token& expires_in(double seconds);
  Token& jti(std::string_view id) { return claim("jti", id); }
  Token& claim(std::string_view name, Json value);
  Token& without(std::string_view name);
  /// A member of the JOSE header, `alg` too.
  Token& header(std::string_view name, Json value);

  /// HS256, whatever the header says.
  std::string sign(std::string_view secret) const;
  /// Whatever `sign` makes of the signed text.
  std::string sign_by(const std::function<std::string(std::string_view)>& sign) const;

 private:
  Json header_ = obj("alg", "HS256", "typ", "JWT");
  Json claims_ = obj();
};

/// A token of any header and claims text, also such that are no JSON.
std::string sign_hs256(std::string_view header, std::string_view claims, std::string_view secret);

}  // namespace fairlead::support
