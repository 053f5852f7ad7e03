#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace fairlead::auth {

/// Where a handshake may bring a token; views into the request.
struct TokenPlaces {
  /// The value of the `Authorization` header. A request that has it more than once is for the
  /// HTTP parser to refuse, or its values joined by commas, which are no Bearer token.
  std::optional<std::string_view> authorization{};
  /// `Sec-WebSocket-Protocol`, split at its commas and trimmed, in the order offered.
  std::span<const std::string_view> subprotocols{};
  /// What follows the `?`, still percent-encoded.
  std::string_view query{};
  /// `auth.allow_query_token`.
  bool allow_query_token = false;
};

/// No token at all: the first message must bring it.
struct NoToken {
  friend bool operator==(NoToken, NoToken) = default;
};

/// There is one, but not to be read: 401, and no other place is tried.
struct MalformedToken {
  /// Why, without the token.
  std::string reason;
  friend bool operator==(const MalformedToken&, const MalformedToken&) = default;
};

/// The text to verify, or one of the above.
using HandshakeToken = std::variant<NoToken, std::string, MalformedToken>;

/// Takes the token from the first place that has one (protocol.md, section 1): the header, the
/// subprotocol `fairlead.bearer.<jwt>`, the query's `access_token`.
HandshakeToken find_handshake_token(const TokenPlaces& places);

inline constexpr std::string_view kJsonSubprotocol = "fairlead.v1.json";
inline constexpr std::string_view kCborSubprotocol = "fairlead.v1.cbor";
inline constexpr std::string_view kBearerSubprotocolPrefix = "fairlead.bearer.";

enum class Subprotocol : std::uint8_t {
  kJson,
  kCbor,
  /// None, or only a bearer: JSON, and nothing is echoed.
  kNoneOffered,
  /// Only unknown ones: 400.
  kRefused,
};

/// The first offered one that the hub speaks.
Subprotocol choose_subprotocol(std::span<const std::string_view> offered, bool speaks_cbor);

/// What to echo in `Sec-WebSocket-Protocol`; empty for no header.
std::string_view echo_of(Subprotocol chosen);

}  // namespace fairlead::auth
