#pragma once

#include <prometheus/metric_family.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "http/routes.h"
#include "support/json.h"
#include "support/tenant_meters.h"
#include "unit/hub/harness.h"

namespace fairlead::http {

/// What became of one request.
struct Outcome {
  std::optional<net::HttpResponse> response;
  /// The subprotocol echoed, when the request became a WebSocket.
  std::optional<std::string> upgraded;
  std::size_t max_message_bytes = 0;
  /// What makes the body, when it is streamed.
  std::shared_ptr<net::BodySource> source;

  int status() const { return response ? response->status : 0; }
  std::string header(std::string_view name) const {
    if (!response) return {};
    for (const auto& [key, value] : response->headers) {
      if (key == name) return value;
    }
    return {};
  }
  support::Json json() const {
    return response ? support::Json::parse(response->body) : support::Json();
  }
};

class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(std::shared_ptr<Outcome> outcome, bool is_upgrade,
               std::vector<std::string> protocols)
      : outcome_(std::move(outcome)), is_upgrade_(is_upgrade), protocols_(std::move(protocols)) {}

  void respond(net::HttpResponse response) override { outcome_->response = std::move(response); }
  void stream(net::HttpResponse head, std::unique_ptr<net::BodySource> source) override {
    outcome_->response = std::move(head);
    outcome_->source = std::move(source);
  }
  bool is_upgrade() const override { return is_upgrade_; }
  const std::vector<std::string>& offered_protocols() const override { return protocols_; }
  void upgrade(std::string_view protocol, std::size_t max_message_bytes,
               std::move_only_function<void(std::unique_ptr<net::Transport>)> taker) override {
    outcome_->upgraded = protocol;
    outcome_->max_message_bytes = max_message_bytes;
    taker(nullptr);
  }

 private:
  std::shared_ptr<Outcome> outcome_;
  bool is_upgrade_;
  std::vector<std::string> protocols_;
};

/// The real operations of a hub without sockets; the rest as the test says. Tokens are
/// `<name>.x.y`: `device-7` speaks for a device, `nobody` for none, `guesser` is over its
/// limit, the key of `late` is not known yet, any other name is a client's.
class FakeSite final : public Site {
 public:
  std::optional<Result<auth::Principal>> authenticate(std::string_view token,
                                                      std::string_view) override {
    const std::string name(token.substr(0, token.find('.')));
    if (name == "nobody") return fail(Code::kUnauthenticated, "the token is not good");
    if (name == "guesser") {
      Error error{.code = Code::kRateLimited, .message = "too many failures"};
      error.retry_after_ms = 1500;
      return std::unexpected(std::move(error));
    }
    if (name == "late") return std::nullopt;
    if (name.starts_with("device")) {
      return auth::Principal{.kind = auth::Kind::kDevice, .tenant = "t", .subject = name};
    }
    return auth::Principal{.tenant = "t", .subject = name, .scopes = scopes, .all_devices = true};
  }
  void wait_for_key(std::string, std::string, Completion<auth::Principal> done) override {
    waiting.push_back(std::move(done));
  }
  void count_malformed(std::string_view) override { ++malformed; }
  hub::Operations& operations() override { return hub.shard().operations(); }
  void may_connect(const auth::Principal&, Completion<void> done) override {
    ++asked_to_connect;
    if (is_disabled) return done(fail(Code::kForbidden, "the device is disabled"));
    done({});
  }
  Place take_place() override { return is_full ? Place() : Place::take(places); }
  bool has_client_place(const auth::Principal&) override { return !is_client_full; }
  void arrive(hub::Arrival arrival) override { arrivals.push_back(std::move(arrival)); }
  std::vector<std::pair<std::string, std::string>> failures() const override { return failing; }
  void collect_metrics(
      std::move_only_function<void(std::vector<prometheus::MetricFamily>)> done) override {
    done(families);
  }

  hub::Harness hub;
  auth::Scopes scopes = auth::Scopes::all();
  bool is_disabled = false;
  bool is_full = false;
  bool is_client_full = false;
  // Outlives the arrivals, which hold some.
  Places places{1000};
  int asked_to_connect = 0;
  int malformed = 0;
  /// Whoever asked about the token `late`.
  std::vector<Completion<auth::Principal>> waiting;
  std::vector<hub::Arrival> arrivals;
  std::vector<std::pair<std::string, std::string>> failing;
  std::vector<prometheus::MetricFamily> families;
};

struct Options {
  Serves serves = Serves::kEverything;
  bool allow_query_token = false;
  hub::Settings of_hub{};
};

/// Routes over a FakeSite, with `https://app.example` as an allowed origin.
class Front {
 public:
  using HeaderList = std::vector<std::pair<std::string, std::string>>;

  explicit Front(const Options& options = {})
      : of_hub_(options.of_hub),
        settings_{
            .hub = of_hub_, .origins = origins_, .allow_query_token = options.allow_query_token},
        tenants_(of_hub_.tenant_rate()),
        rates_(of_hub_.connection_rate(), tenants_),
        routes_(site, settings_, rates_, options.serves, site.hub.clock, random_) {}

  /// A request as somebody who may do everything; committed and answered.
  Outcome ask(std::string_view method, std::string_view target, std::string body = "",
              HeaderList more = {}) {
    more.emplace_back("authorization", "Bearer me.x.y");
    return send(method, target, std::move(body), std::move(more));
  }
  /// One that brings no token but what `headers` have.
  Outcome send(std::string_view method, std::string_view target, std::string body = "",
               HeaderList headers = {}) {
    return run(request(method, target, std::move(body), std::move(headers)), false, {});
  }
  /// A handshake.
  Outcome knock(std::vector<std::string> protocols, HeaderList headers = {},
                std::string_view query = "") {
    std::string target = "/v1/ws";
    if (!query.empty()) target.append("?").append(query);
    return run(request("GET", target, "", std::move(headers)), true, std::move(protocols));
  }

  /// The same two, answered when the test lets them be.
  std::shared_ptr<Outcome> send_later(std::string_view method, std::string_view target,
                                      HeaderList headers) {
    return begin(request(method, target, "", std::move(headers)), false, {});
  }
  std::shared_ptr<Outcome> knock_later(std::vector<std::string> protocols, HeaderList headers) {
    return begin(request("GET", "/v1/ws", "", std::move(headers)), true, std::move(protocols));
  }

  FakeSite site;

 private:
  static net::HttpRequest request(std::string_view method, std::string_view target,
                                  std::string body, HeaderList headers) {
    const std::size_t mark = std::min(target.find('?'), target.size());
    headers.emplace_back("host", "hub.example");
    return {.method = std::string(method),
            .path = std::string(target.substr(0, mark)),
            .query = std::string(target.substr(std::min(mark + 1, target.size()))),
            .headers = std::move(headers),
            .body = std::move(body),
            .remote = "192.0.2.7:4711"};
  }
  std::shared_ptr<Outcome> begin(net::HttpRequest request, bool is_upgrade,
                                 std::vector<std::string> protocols) {
    auto outcome = std::make_shared<Outcome>();
    routes_.on_request(std::move(request),
                       std::make_unique<FakeExchange>(outcome, is_upgrade, std::move(protocols)));
    site.hub.shard().end_turn();
    return outcome;
  }
  Outcome run(net::HttpRequest request, bool is_upgrade, std::vector<std::string> protocols) {
    const auto outcome = begin(std::move(request), is_upgrade, std::move(protocols));
    site.hub.commit();
    return *outcome;
  }

  const hub::Settings of_hub_;
  const auth::OriginPolicy origins_ = auth::OriginPolicy::make({"https://app.example"}).value();
  const SiteSettings settings_;
  SeededRandom random_{1};
  support::TenantMeters tenants_;
  RequestRates rates_;
  Routes routes_;
};

}  // namespace fairlead::http
