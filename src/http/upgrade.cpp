#include "http/upgrade.h"

#include <utility>

#include "auth/handshake_token.h"
#include "base/id.h"
#include "http/identify.h"
#include "http/request.h"

namespace fairlead::http {
namespace {

void respond_full(net::Exchange& exchange, Code code, std::string message) {
  Error error{.code = code, .message = std::move(message)};
  error.retry_after_ms = hub::kFullRetryMs;
  respond_error(exchange, error);
}

}  // namespace

Upgrade::Upgrade(Site& site, const SiteSettings& settings, const Clock& clock, Random& random)
    : site_(site), settings_(settings), clock_(clock), random_(random) {}

void Upgrade::serve(const net::HttpRequest& request, std::unique_ptr<net::Exchange> exchange) {
  if (!exchange->is_upgrade()) {
    exchange->respond({.status = 426,
                       .headers = {{"Upgrade", "websocket"},
                                   {"Connection", "Upgrade"},
                                   {"Content-Type", "application/problem+json"}},
                       .body = R"({"type":"about:blank","title":"Upgrade Required","status":426,)"
                               R"("detail":"connect here with a WebSocket","code":"invalid"})"});
    return;
  }
  const auto& protocols = exchange->offered_protocols();
  const std::vector<std::string_view> offered(protocols.begin(), protocols.end());
  const auth::Subprotocol chosen = auth::choose_subprotocol(offered, true);
  if (chosen == auth::Subprotocol::kRefused) {
    return respond_error(*exchange,
                         invalid_field("Sec-WebSocket-Protocol",
                                       "offers neither fairlead.v1.json nor fairlead.v1.cbor")
                             .error());
  }
  hub::Arrival arrival;
  arrival.info.ulid = Ulid::make(clock_.now_ms(), random_);
  arrival.info.remote = request.remote;
  arrival.info.codec =
      chosen == auth::Subprotocol::kCbor ? protocol::Codec::kCbor : protocol::Codec::kJson;
  arrival.info.connected_at = clock_.now_ms();
  const auth::HandshakeToken token = token_of(request, settings_, offered);
  const std::string_view echo = auth::echo_of(chosen);
  if (std::holds_alternative<auth::NoToken>(token)) {
    return admit(std::move(arrival), echo, std::move(exchange));
  }
  identify(site_, token, request.remote,
           [this, arrival = std::move(arrival), echo,
            exchange = std::move(exchange)](Result<auth::Principal> who) mutable {
             if (!who) return respond_refused(*exchange, who.error(), true);
             arrival.principal = std::move(*who);
             admit(std::move(arrival), echo, std::move(exchange));
           });
}

void Upgrade::admit(hub::Arrival arrival, std::string_view protocol,
                    std::unique_ptr<net::Exchange> exchange) {
  arrival.place = site_.take_place();
  if (!arrival.place.is_taken()) {
    return respond_full(*exchange, Code::kOverloaded, "the hub has as many connections as it may");
  }
  if (!arrival.principal || arrival.principal->kind != auth::Kind::kDevice) {
    if (arrival.principal && !site_.has_client_place(*arrival.principal)) {
      return respond_full(*exchange, Code::kRateLimited,
                          "this client has as many connections as it may");
    }
    return accept(std::move(arrival), protocol, *exchange);
  }
  const auth::Principal who = *arrival.principal;
  site_.may_connect(who, [this, arrival = std::move(arrival), protocol,
                          exchange = std::move(exchange)](Result<void> may) mutable {
    if (!may) return respond_error(*exchange, may.error());
    accept(std::move(arrival), protocol, *exchange);
  });
}

void Upgrade::accept(hub::Arrival arrival, std::string_view protocol, net::Exchange& exchange) {
  exchange.upgrade(
      protocol, settings_.hub.max_message_bytes,
      [this, arrival = std::move(arrival)](std::unique_ptr<net::Transport> transport) mutable {
        arrival.transport = std::move(transport);
        site_.arrive(std::move(arrival));
      });
}

}  // namespace fairlead::http
