#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.h"
#include "base/clock.h"
#include "base/random.h"
#include "http/handlers.h"
#include "http/request.h"
#include "http/request_rates.h"
#include "http/site.h"
#include "http/upgrade.h"
#include "net/exchange.h"

namespace fairlead::http {

struct Route;

/// All requests of one listener on one shard: Origin and CORS, who asks, how often, which handler.
/// Thread: the shard's.
class Routes final : public net::RequestHandler {
 public:
  Routes(Site& site, const SiteSettings& settings, RequestRates& rates, Serves serves,
         const Clock& clock, Random& random);

  void on_request(net::HttpRequest request, std::unique_ptr<net::Exchange> exchange) override;
  void on_refused(const net::HttpRequest& request, net::HttpResponse& response) override;

 private:
  /// True when it has answered.
  bool serve_admin(const net::HttpRequest& request, net::Exchange& exchange);
  bool is_origin_allowed(const net::HttpRequest& request) const;
  bool check_origin(const net::HttpRequest& request, net::Exchange& exchange) const;
  void serve_metrics(std::unique_ptr<net::Exchange> exchange);
  void serve_api(net::HttpRequest request, std::unique_ptr<net::Exchange> exchange);
  void serve_known(const Route& route, auth::Principal who, net::HttpRequest request,
                   std::unique_ptr<net::Exchange> exchange);

  Site& site_;
  const SiteSettings& settings_;
  RequestRates& rates_;
  const Serves serves_;
  const Clock& clock_;
  Upgrade upgrade_;
  Context context_;
};

}  // namespace fairlead::http
