#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.h"
#include "net/http_head.h"

namespace fairlead::net {

/// The server's half of the opening handshake (RFC 6455, 4.2), as far as headers decide it.
struct Handshake {
  enum class Kind : std::uint8_t { kNone, kGood, kRefused };
  /// kNone: an ordinary request that does not ask for a WebSocket.
  Kind kind = Kind::kNone;
  /// kRefused: 400, or 426 for a version other than 13.
  HttpRefusal refusal;
  /// Value of Sec-WebSocket-Accept.
  std::string accept;
  /// Subprotocols offered, in order.
  std::vector<std::string> protocols;
  /// All Sec-WebSocket-Extensions values, joined by commas.
  std::string extensions;
};

Handshake check_handshake(const HttpRequest& request, bool is_http_11);

/// The answer that a key demands (RFC 6455, 4.2.2, 5.4).
std::string accept_for_key(std::string_view key);

/// A client's key: base64 of 16 random bytes (RFC 6455, 4.1).
std::string random_key();

/// The values of all headers of that (lower-case) name, joined by commas.
std::string joined_header(const HttpRequest& request, std::string_view name);

}  // namespace fairlead::net
