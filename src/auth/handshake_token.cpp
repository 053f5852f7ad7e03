#include "auth/handshake_token.h"

#include <algorithm>
#include <cstddef>

namespace fairlead::auth {

namespace {

constexpr std::string_view kScheme = "bearer";
constexpr std::string_view kQueryParameter = "access_token";

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, to_lower);
}

/// The letters of a JWT: base64url and dots. Stricter than the b64token of RFC 6750, since no
/// other token is taken.
bool is_token_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

HandshakeToken token_or_malformed(std::string_view text, std::string_view place) {
  if (is_token_text(text)) return std::string(text);
  return MalformedToken{std::string(place) + ": not a token"};
}

/// `Bearer` in any case, one or more spaces, the token (RFC 6750, 2.1; RFC 9110, 11.4).
HandshakeToken from_header(std::string_view value) {
  const std::size_t space = std::min(value.find(' '), value.size());
  if (!equals_ignoring_case(value.substr(0, space), kScheme)) {
    return MalformedToken{"Authorization: not the scheme Bearer"};
  }
  value.remove_prefix(space);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return token_or_malformed(value, "Authorization");
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Nothing if a percent sign is not followed by two hexadecimal digits (RFC 3986, 2.1).
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

HandshakeToken from_query(std::string_view query) {
  HandshakeToken found;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (percent_decoded(pair.substr(0, equals)) != kQueryParameter) continue;
    if (!std::holds_alternative<NoToken>(found)) {
      return MalformedToken{"access_token: more than one"};
    }
    const auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
    found = token_or_malformed(value.value_or(""), kQueryParameter);
  }
  return found;
}

bool is_bearer(std::string_view subprotocol) {
  return subprotocol.starts_with(kBearerSubprotocolPrefix);
}

}  // namespace

HandshakeToken find_handshake_token(const TokenPlaces& places) {
  if (places.authorization) return from_header(*places.authorization);
  const auto bearers = std::ranges::count_if(places.subprotocols, is_bearer);
  if (bearers > 1) return MalformedToken{"Sec-WebSocket-Protocol: more than one bearer"};
  if (bearers == 1) {
    const auto bearer = std::ranges::find_if(places.subprotocols, is_bearer);
    return token_or_malformed(bearer->substr(kBearerSubprotocolPrefix.size()),
                              "Sec-WebSocket-Protocol");
  }
  if (places.allow_query_token) return from_query(places.query);
  return NoToken{};
}

Subprotocol choose_subprotocol(std::span<const std::string_view> offered, bool speaks_cbor) {
  Subprotocol otherwise = Subprotocol::kNoneOffered;
  for (const std::string_view name : offered) {
    if (name == kJsonSubprotocol) return Subprotocol::kJson;
    if (name == kCborSubprotocol && speaks_cbor) return Subprotocol::kCbor;
    if (!is_bearer(name)) otherwise = Subprotocol::kRefused;
  }
  return otherwise;
}

std::string_view echo_of(Subprotocol chosen) {
  switch (chosen) {
    case Subprotocol::kJson:
      return kJsonSubprotocol;
    case Subprotocol::kCbor:
      return kCborSubprotocol;
    case Subprotocol::kNoneOffered:
    case Subprotocol::kRefused:
      return {};
  }
  return {};
}

}  // namespace fairlead::auth
