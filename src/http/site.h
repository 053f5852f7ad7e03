#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/origin.h"
#include "auth/principal.h"
#include "base/clock.h"
#include "base/completion.h"
#include "base/place.h"
#include "base/random.h"
#include "hub/arrival.h"
#include "hub/operations.h"
#include "hub/settings.h"
#include "net/trusted_proxies.h"

namespace prometheus {
struct MetricFamily;
}

namespace fairlead::http {

/// What HTTP needs of the hub on its shard's thread; one a shard, outlives its routes.
class Site {
 public:
  virtual ~Site() = default;
  // As hub::Authenticator says.
  virtual std::optional<Result<auth::Principal>> authenticate(std::string_view token,
                                                              std::string_view remote) = 0;
  virtual void wait_for_key(std::string token, std::string remote,
                            Completion<auth::Principal> done) = 0;
  virtual void count_malformed(std::string_view remote) = 0;
  virtual hub::Operations& operations() = 0;
  /// kForbidden when the device is disabled. May answer inside the call.
  virtual void may_connect(const auth::Principal& who, Completion<void> done) = 0;
  /// Among `limits.connections`; none when all are taken.
  virtual Place take_place() = 0;
  /// False when that client has as many connections as it may.
  virtual bool has_client_place(const auth::Principal& who) = 0;
  /// A WebSocket after its handshake; moves to the shard where it is at home.
  virtual void arrive(hub::Arrival arrival) = 0;
  /// What is not well, by part; empty: ready.
  virtual std::vector<std::pair<std::string, std::string>> failures() const = 0;
  /// Gathers the metrics of all shards; answers later.
  virtual void collect_metrics(
      std::move_only_function<void(std::vector<prometheus::MetricFamily>)> done) = 0;
};

/// Which paths a listener serves.
enum class Serves : std::uint8_t {
  kEverything,
  /// All but health and metrics, which have a listener of their own.
  kAllButAdmin,
  kAdminOnly,
};

struct SiteSettings {
  const hub::Settings& hub;
  const auth::OriginPolicy& origins;
  bool allow_query_token = false;
  /// Proxies whose word about the client is taken.
  net::TrustedProxies proxies{};
};

}  // namespace fairlead::http
