#include "http/routes.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "http/assets.h"
#include "http/identify.h"
#include "http/route_table.h"
#include "net/utf8.h"
#include "protocol/json_writer.h"
#include "protocol/names.h"

namespace fairlead::http {

namespace {

constexpr std::string_view kSocketPath = "/v1/ws";

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

/// The decoded names when the path fits; nullopt when it does not.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> names;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (wanted == "{}") {
      auto name = percent_decode(given);
      if (!name || name->empty()) return std::nullopt;
      names.push_back(std::move(*name));
    } else if (wanted != given) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return names;
}

/// Answers tell the path and the names in it, and JSON is UTF-8.
Result<void> check_path(const std::string& path) {
  const auto decoded = percent_decode(path);
  if (!decoded) return invalid_field("path", "has a bad percent escape");
  if (!net::is_utf8(path) || !net::is_utf8(*decoded)) return invalid_field("path", "is no UTF-8");
  return {};
}

bool fits_method(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

void respond_problem(net::Exchange& exchange, int status, std::string_view title,
                     const std::string& detail, std::string_view code, Headers more = {}) {
  std::string body;
  protocol::JsonWriter(body)
      .begin_object()
      .member("type", "about:blank")
      .member("title", title)
      .member("status", status)
      .member("detail", detail)
      .member("code", code)
      .end_object();
  Headers headers = {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}};
  for (auto& header : more) headers.push_back(std::move(header));
  exchange.respond({.status = status, .headers = std::move(headers), .body = std::move(body)});
}

/// The methods of RFC 9110 and RFC 5789: others are not known here at all, whatever the path.
bool is_known_method(std::string_view method) {
  static constexpr std::array<std::string_view, 9> kKnown = {
      "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};
  return std::ranges::find(kKnown, method) != kKnown.end();
}

/// 404, or 405 where only the method is wrong.
void respond_no_route(net::Exchange& exchange, const std::string& path) {
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (!match(route.pattern, path)) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (allowed.empty()) {
    respond_problem(exchange, 404, "Not Found", "there is no " + path, "not_found");
  } else {
    respond_problem(exchange, 405, "Method Not Allowed", path + " takes " + allowed, "invalid",
                    {{"Allow", allowed}});
  }
}

/// So that pages of `origin` may read it.
void add_cors_headers(net::HttpResponse& response, const std::string& origin) {
  response.headers.emplace_back("Access-Control-Allow-Origin", origin);
  response.headers.emplace_back("Access-Control-Expose-Headers",
                                "Link, Retry-After, WWW-Authenticate");
  response.headers.emplace_back("Vary", "Origin");
}

/// Adds the headers of CORS to an answer, whoever gives it.
class CorsExchange final : public net::Exchange {
 public:
  CorsExchange(std::unique_ptr<net::Exchange> exchange, std::string origin)
      : exchange_(std::move(exchange)), origin_(std::move(origin)) {}
  void respond(net::HttpResponse response) override {
    add_cors_headers(response, origin_);
    exchange_->respond(std::move(response));
  }
  void stream(net::HttpResponse head, std::unique_ptr<net::BodySource> source) override {
    add_cors_headers(head, origin_);
    exchange_->stream(std::move(head), std::move(source));
  }
  bool is_upgrade() const override { return exchange_->is_upgrade(); }
  const std::vector<std::string>& offered_protocols() const override {
    return exchange_->offered_protocols();
  }
  void upgrade(std::string_view protocol, std::size_t max_message_bytes,
               std::move_only_function<void(std::unique_ptr<net::Transport>)> taker) override {
    exchange_->upgrade(protocol, max_message_bytes, std::move(taker));
  }

 private:
  std::unique_ptr<net::Exchange> exchange_;
  std::string origin_;
};

}  // namespace

Routes::Routes(Site& site, const SiteSettings& settings, RequestRates& rates, Serves serves,
               const Clock& clock, Random& random)
    : site_(site),
      settings_(settings),
      rates_(rates),
      serves_(serves),
      clock_(clock),
      upgrade_(site, settings, clock, random),
      context_{site.operations()} {}

void Routes::on_request(net::HttpRequest request, std::unique_ptr<net::Exchange> exchange) {
  settings_.proxies.unveil(request);
  if (!check_origin(request, *exchange)) return;
  if (request.has_header("origin")) {
    exchange =
        std::make_unique<CorsExchange>(std::move(exchange), std::string(request.header("origin")));
  }
  if (request.method == "OPTIONS") {
    return exchange->respond(
        {.status = 204,
         .headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE"},
                     {"Access-Control-Allow-Headers", "Authorization, Content-Type, Accept"},
                     {"Access-Control-Max-Age", "600"}},
         .body = ""});
  }
  if (!is_known_method(request.method)) {
    return respond_problem(*exchange, 501, "Not Implemented",
                           "there is no method " + request.method, "invalid");
  }
  if (auto path = check_path(request.path); !path) return respond_error(*exchange, path.error());
  const bool is_admin_path =
      request.path == "/healthz" || request.path == "/readyz" || request.path == "/metrics";
  if (is_admin_path && serves_ != Serves::kAllButAdmin) {
    if (request.path == "/metrics" && (request.method == "GET" || request.method == "HEAD")) {
      return serve_metrics(std::move(exchange));
    }
    if (serve_admin(request, *exchange)) return;
  }
  if (is_admin_path || serves_ == Serves::kAdminOnly) {
    return respond_problem(*exchange, 404, "Not Found", "there is no " + request.path, "not_found");
  }
  if (request.path == kSocketPath) return upgrade_.serve(request, std::move(exchange));
  if (serve_asset(request, *exchange)) return;
  serve_api(std::move(request), std::move(exchange));
}

void Routes::on_refused(const net::HttpRequest& request, net::HttpResponse& response) {
  if (!request.has_header("origin") || !is_origin_allowed(request)) return;
  add_cors_headers(response, std::string(request.header("origin")));
}

bool Routes::is_origin_allowed(const net::HttpRequest& request) const {
  const auto origin = request.has_header("origin") ? std::optional(request.header("origin"))
                                                   : std::optional<std::string_view>();
  return settings_.origins.allows(origin, request.header("host"), request.is_tls);
}

bool Routes::check_origin(const net::HttpRequest& request, net::Exchange& exchange) const {
  if (is_origin_allowed(request)) return true;
  respond_error(exchange, {.code = Code::kForbidden,
                           .message = "this Origin is not in http.allowed_origins"});
  return false;
}

bool Routes::serve_admin(const net::HttpRequest& request, net::Exchange& exchange) {
  if (request.method != "GET" && request.method != "HEAD") {
    respond_problem(exchange, 405, "Method Not Allowed", request.path + " takes GET", "invalid",
                    {{"Allow", "GET, HEAD"}});
    return true;
  }
  if (request.path == "/healthz") {
    respond_json(exchange, 200, R"({"status":"ok"})");
    return true;
  }
  const auto failures = site_.failures();
  std::string body;
  protocol::JsonWriter json(body);
  json.begin_object().member("status", failures.empty() ? "ready" : "failing");
  json.key("failing").begin_array();
  for (const auto& [part, why] : failures) {
    json.begin_object().member("part", part).member("why", why).end_object();
  }
  json.end_array().end_object();
  respond_json(exchange, failures.empty() ? 200 : 503, std::move(body));
  return true;
}

void Routes::serve_metrics(std::unique_ptr<net::Exchange> exchange) {
  site_.collect_metrics(
      [exchange = std::move(exchange)](const std::vector<prometheus::MetricFamily>& families) {
        exchange->respond({.status = 200,
                           .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
                                       {"Cache-Control", "no-store"}},
                           .body = prometheus::TextSerializer().Serialize(families)});
      });
}

void Routes::serve_api(net::HttpRequest request, std::unique_ptr<net::Exchange> exchange) {
  const auto route = std::ranges::find_if(kRoutes, [&request](const Route& known) {
    return fits_method(known, request.method) && match(known.pattern, request.path);
  });
  if (route == kRoutes.end()) return respond_no_route(*exchange, request.path);
  const auth::HandshakeToken token = token_of(request, settings_);
  const bool had_token = !std::holds_alternative<auth::NoToken>(token);
  const std::string remote = request.remote;
  identify(site_, token, remote,
           [this, &route = *route, had_token, request = std::move(request),
            exchange = std::move(exchange)](Result<auth::Principal> who) mutable {
             if (!who) return respond_refused(*exchange, who.error(), had_token);
             serve_known(route, std::move(*who), std::move(request), std::move(exchange));
           });
}

void Routes::serve_known(const Route& route, auth::Principal who, net::HttpRequest request,
                         std::unique_ptr<net::Exchange> exchange) {
  if (auto charged = rates_.charge(who, request.body.size(), clock_.steady_ms()); !charged) {
    return respond_error(*exchange, charged.error());
  }
  // Before anything of the request is judged: who may not ask is not told what is wrong with it.
  if (auto may = auth::permit(who, route.operation); !may) {
    return respond_error(*exchange, may.error());
  }
  auto query = Query::parse(request.query);
  if (!query) return respond_error(*exchange, query.error());
  auto names = match(route.pattern, request.path);
  if (route.pattern.starts_with("/v1/devices/{}") && !protocol::is_device_id((*names)[0])) {
    return respond_error(
        *exchange,
        invalid_field("id", "must be 1 to 128 characters of A-Z a-z 0-9 _ . : / -").error());
  }
  route.handler(context_, Request{.who = std::move(who),
                                  .names = std::move(*names),
                                  .query = std::move(*query),
                                  .http = std::move(request),
                                  .exchange = std::move(exchange)});
}

}  // namespace fairlead::http
