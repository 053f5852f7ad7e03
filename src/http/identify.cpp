#include "http/identify.h"

#include <utility>

#include "http/request.h"

namespace fairlead::http {

auth::HandshakeToken token_of(const net::HttpRequest& request, const SiteSettings& settings,
                              std::span<const std::string_view> subprotocols) {
  auth::TokenPlaces places{.subprotocols = subprotocols, .query = request.query};
  places.allow_query_token = settings.allow_query_token;
  if (request.has_header("authorization")) places.authorization = request.header("authorization");
  return auth::find_handshake_token(places);
}

void identify(Site& site, const auth::HandshakeToken& token, const std::string& remote,
              Completion<auth::Principal> done) {
  if (const auto* malformed = std::get_if<auth::MalformedToken>(&token)) {
    site.count_malformed(remote);
    return done(
        std::unexpected(Error{.code = Code::kUnauthenticated, .message = malformed->reason}));
  }
  const auto* const text = std::get_if<std::string>(&token);
  if (text == nullptr) {
    return done(fail(Code::kUnauthenticated, "give a token: Authorization: Bearer <jwt>"));
  }
  if (auto answer = site.authenticate(*text, remote)) return done(std::move(*answer));
  site.wait_for_key(*text, remote, std::move(done));
}

void respond_refused(net::Exchange& exchange, const Error& error, bool had_token) {
  if (error.code != Code::kUnauthenticated) return respond_error(exchange, error);
  respond_error(exchange, error,
                {{"WWW-Authenticate", had_token ? R"(Bearer error="invalid_token")" : "Bearer"}});
}

}  // namespace fairlead::http
