#include "app/token.h"

#include <fmt/core.h>

#include "auth/mint.h"
#include "auth/secret_file.h"
#include "base/clock.h"
#include "protocol/names.h"

namespace fairlead::app {

int print_token(const TokenOptions& options) {
  const auto secret = auth::read_secret_file(options.secret_file);
  if (!secret) {
    fmt::print(stderr, "fairlead: {}\n", secret.error().message);
    return 1;
  }
  if (options.kind == "device" && !protocol::is_device_id(options.subject)) {
    fmt::print(
        stderr,
        "fairlead: --sub {}: a device's id has 1 to 128 characters of A-Z a-z 0-9 _ . : / -\n",
        options.subject);
    return 1;
  }
  for (const std::string& device : options.devices) {
    if (protocol::is_pattern(device)) continue;
    fmt::print(stderr, "fairlead: --device {}: must be a device's id, or a prefix ending in *\n",
               device);
    return 1;
  }
  const std::int64_t now = SystemClock().now_ms();
  auth::TokenClaims claims{.sub = options.subject,
                           .kind = options.kind,
                           .tenant = options.tenant,
                           .scope = options.scope};
  if (!options.devices.empty()) claims.devices = options.devices;
  claims.expires_at_ms = now + options.ttl_s * 1000;
  claims.issued_at_ms = now;
  claims.jti = options.jti;
  fmt::print("{}\n", auth::mint_hs256(*secret, claims));
  return 0;
}

}  // namespace fairlead::app
