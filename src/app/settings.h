#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "auth/token_policy.h"
#include "hub/settings.h"
#include "net/deflate.h"
#include "net/http_limits.h"
#include "net/reception.h"
#include "store/settings.h"

namespace fairlead::app {

/// A key set that is fetched.
struct JwksUrl {
  /// Empty: none.
  std::string url;
  /// Certificates trusted beside the system's (PEM); empty: only those.
  std::string ca_file;
  /// How long a set is used that does not say so by Cache-Control: max-age.
  std::int64_t refresh_s = 300;
  /// Between two searches for a key that is not known, and after a failure.
  std::int64_t cooldown_ms = 10'000;
  /// For one fetch, with its lookup of the name and its handshakes.
  std::int64_t timeout_ms = 5000;
};

/// Everything an operator may set, with its default. `config_keys.cpp` says how each is called,
/// what it may be and what it means.
struct Settings {
  std::string http_listen = "127.0.0.1:8080";
  /// Empty: health and metrics are served on http_listen.
  std::string http_admin_listen;
  std::vector<std::string> http_allowed_origins;
  net::HttpLimits http;
  /// PEM files; certificate and key together, or neither: then http_listen is in clear.
  net::TlsFiles tls;
  std::int64_t tls_timeout_ms = net::ReceptionRules().timeout_ms;
  std::size_t tls_handshakes = net::ReceptionRules().max_inside;
  /// Addresses and ranges whose word about the client's address is taken.
  std::vector<std::string> http_trusted_proxies;
  bool http_proxy_protocol = false;

  std::string jwt_secret_file;
  /// `FILE` or `FILE:ALG`.
  std::vector<std::string> public_key_files;
  std::string jwks_file;
  JwksUrl jwks_url;
  /// Failed authentications of one address; 0: no limit.
  std::int64_t auth_failures_per_minute = 300;
  bool allow_query_token = false;
  auth::TokenPolicy tokens;

  hub::Settings hub;

  /// permessage-deflate where the peer offers it.
  bool is_deflating = false;
  bool keeps_deflate_context = false;
  int deflate_level = net::DeflateOptions().level;
  std::size_t deflate_min_bytes = net::DeflateOptions().min_bytes;

  /// Which database; empty: SQLite in data_dir. May hold a password.
  std::string store_url;
  bool auto_migrate = false;
  std::int64_t server_timeout_ms = 30'000;
  std::int64_t server_patience_ms = 30'000;
  std::string data_dir;
  std::string durability = "full";
  store::SegmentLimits segments;
  store::Retention retention;

  /// 0: one a core.
  std::int64_t shards = 0;
  /// Threads that check slow signatures.
  std::int64_t verifiers = 1;
  /// auto, epoll or uring: how the shards send.
  std::string io = "auto";

  std::string log_level = "info";
  std::string log_format = "text";

  /// Makes a secret where there is none and prints a link to the dashboard.
  bool is_dev = false;
};

static_assert(hub::Settings().outbox_bytes <= hub::Settings().memory_bytes,
              "one slow reader is not too much for the hub");
static_assert(hub::Settings().max_message_bytes <= hub::Settings().outbox_bytes,
              "an outbox holds a message of the largest size");

}  // namespace fairlead::app
