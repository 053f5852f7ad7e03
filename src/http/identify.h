#pragma once

#include <span>
#include <string>
#include <string_view>

#include "auth/handshake_token.h"
#include "base/completion.h"
#include "http/site.h"
#include "net/exchange.h"

namespace fairlead::http {

/// The token of a request: in its header, in what it offers as subprotocols, in its query.
auth::HandshakeToken token_of(const net::HttpRequest& request, const SiteSettings& settings,
                              std::span<const std::string_view> subprotocols = {});

/// Whom the token speaks for. `done` runs inside the call, or later where a key is being fetched.
void identify(Site& site, const auth::HandshakeToken& token, const std::string& remote,
              Completion<auth::Principal> done);

/// 401 with the challenge of RFC 6750 (section 3); 429 and 503 with their Retry-After.
void respond_refused(net::Exchange& exchange, const Error& error, bool had_token);

}  // namespace fairlead::http
