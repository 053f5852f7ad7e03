#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "http/site.h"
#include "net/exchange.h"

namespace fairlead::http {

/// GET /v1/ws: the handshake of protocol section 1, up to the WebSocket's arrival at the hub.
class Upgrade {
 public:
  Upgrade(Site& site, const SiteSettings& settings, const Clock& clock, Random& random);

  /// Origin has been checked.
  void serve(const net::HttpRequest& request, std::unique_ptr<net::Exchange> exchange);

 private:
  void admit(hub::Arrival arrival, std::string_view protocol,
             std::unique_ptr<net::Exchange> exchange);
  void accept(hub::Arrival arrival, std::string_view protocol, net::Exchange& exchange);

  Site& site_;
  const SiteSettings& settings_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace fairlead::http
