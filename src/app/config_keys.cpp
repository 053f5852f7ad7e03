#include "app/config_keys.h"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <limits>
#include <numeric>
#include <vector>

#include "store/url.h"

namespace fairlead::app {
namespace {

using Set = std::function<Result<void>(Settings&, std::string_view)>;
using Get = std::function<std::string(const Settings&)>;

std::unexpected<Error> bad(std::string rule) {
  return std::unexpected(Error{.code = Code::kInvalid, .message = std::move(rule)});
}

/// A TOML basic string.
std::string in_quotes(std::string_view value) {
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if ((c >= 0 && c < ' ') || c == 0x7F) {
      text += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      text += c;
    }
  }
  return text += '"';
}

template <std::integral T, typename Member>
ConfigKey number(std::string_view name, std::string_view help, Member member, T least, T most) {
  return {.name = name,
          .help = help,
          .set = [=](Settings& settings, std::string_view text) -> Result<void> {
            T value = 0;
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), value);
            const bool is_number = error == std::errc() && end == text.data() + text.size();
            if (!is_number || value < least || value > most) {
              return bad(fmt::format("must be a whole number from {} to {}", least, most));
            }
            member(settings) = value;
            return {};
          },
          .get = [=](const Settings& settings) { return fmt::format("{}", member(settings)); }};
}

template <typename Member>
ConfigKey boolean(std::string_view name, std::string_view help, Member member) {
  return {.name = name,
          .help = help,
          .set = [=](Settings& settings, std::string_view text) -> Result<void> {
            if (text != "true" && text != "false") return bad("must be true or false");
            member(settings) = text == "true";
            return {};
          },
          .get = [=](const Settings& settings) { return member(settings) ? "true" : "false"; }};
}

template <typename Member>
ConfigKey text(std::string_view name, std::string_view help, Member member) {
  return {.name = name,
          .help = help,
          .set = [=](Settings& settings, std::string_view value) -> Result<void> {
            member(settings) = std::string(value);
            return {};
          },
          .get = [=](const Settings& settings) { return in_quotes(member(settings)); }};
}

/// A text that may hold a password.
template <typename Member>
ConfigKey url(std::string_view name, std::string_view help, Member member) {
  ConfigKey key = text(name, help, member);
  key.get = [=](const Settings& settings) {
    return in_quotes(store::masked_url(member(settings)));
  };
  return key;
}

template <typename Member>
ConfigKey choice(std::string_view name, std::string_view help, Member member,
                 const std::vector<std::string_view>& choices) {
  ConfigKey key = text(name, help, member);
  key.set = [=](Settings& settings, std::string_view value) -> Result<void> {
    if (std::ranges::find(choices, value) == choices.end()) {
      return bad(fmt::format("must be one of {}", fmt::join(choices, ", ")));
    }
    member(settings) = std::string(value);
    return {};
  };
  return key;
}

template <typename Member>
ConfigKey list(std::string_view name, std::string_view help, Member member) {
  return {.name = name,
          .help = help,
          .set = [=](Settings& settings, std::string_view value) -> Result<void> {
            std::vector<std::string> items;
            while (!value.empty()) {
              const std::size_t comma = std::min(value.find(','), value.size());
              std::string_view item = value.substr(0, comma);
              while (item.starts_with(' ')) item.remove_prefix(1);
              while (item.ends_with(' ')) item.remove_suffix(1);
              if (!item.empty()) items.emplace_back(item);
              value.remove_prefix(std::min(comma + 1, value.size()));
            }
            member(settings) = std::move(items);
            return {};
          },
          .get =
              [=](const Settings& settings) {
                std::vector<std::string> items;
                for (const std::string& item : member(settings)) items.push_back(in_quotes(item));
                return fmt::format("[{}]", fmt::join(items, ", "));
              },
          .is_list = true};
}

// Gives the same member of a const and of a changeable Settings.
#define FAIRLEAD_MEMBER(path) ([](auto& settings) -> auto& { return settings.path; })

std::vector<ConfigKey> auth_keys() {
  return {
      list("auth.audience", "accepted `aud` claims; empty: not checked",
           FAIRLEAD_MEMBER(tokens.audience)),
      boolean("auth.allow_query_token", "take a token from ?access_token= at the handshake",
              FAIRLEAD_MEMBER(allow_query_token)),
      text("auth.claims.devices", "name of the claim with the devices a client may touch",
           FAIRLEAD_MEMBER(tokens.claims.devices)),
      text("auth.claims.exp", "name of the claim with the expiry",
           FAIRLEAD_MEMBER(tokens.claims.exp)),
      text("auth.claims.kind", "name of the claim with device or client",
           FAIRLEAD_MEMBER(tokens.claims.kind)),
      text("auth.claims.scope", "name of the claim with the scopes",
           FAIRLEAD_MEMBER(tokens.claims.scope)),
      text("auth.claims.sub", "name of the claim with the device's id or the client's name",
           FAIRLEAD_MEMBER(tokens.claims.sub)),
      text("auth.claims.tenant", "name of the claim with the tenant",
           FAIRLEAD_MEMBER(tokens.claims.tenant)),
      number<std::int64_t>("auth.failures_per_minute",
                           "failed authentications of one address; more are answered 429; 0: any",
                           FAIRLEAD_MEMBER(auth_failures_per_minute), 0, 1'000'000),
      list("auth.issuer", "accepted `iss` claims; empty: not checked",
           FAIRLEAD_MEMBER(tokens.issuer)),
      text("auth.jwks_ca_file", "certificates (PEM) for auth.jwks_url, beside the system's",
           FAIRLEAD_MEMBER(jwks_url.ca_file)),
      number<std::int64_t>("auth.jwks_cooldown_ms",
                           "least time between two fetches for a key that is not known",
                           FAIRLEAD_MEMBER(jwks_url.cooldown_ms), 100, 3'600'000),
      text("auth.jwks_file", "file with keys (JWKS)", FAIRLEAD_MEMBER(jwks_file)),
      number<std::int64_t>("auth.jwks_refresh_s",
                           "how long a fetched key set is used that names no max-age",
                           FAIRLEAD_MEMBER(jwks_url.refresh_s), 1, 86'400),
      number<std::int64_t>("auth.jwks_timeout_ms", "time for one fetch of auth.jwks_url",
                           FAIRLEAD_MEMBER(jwks_url.timeout_ms), 100, 60'000),
      text("auth.jwks_url", "http or https address of a key set (JWKS)",
           FAIRLEAD_MEMBER(jwks_url.url)),
      text("auth.jwt_secret_file", "file with the HS256 secret: 32 bytes or more, mode 0600",
           FAIRLEAD_MEMBER(jwt_secret_file)),
      number<std::int64_t>("auth.leeway_s",
                           "seconds that an issuer's clock may be ahead (nbf, iat)",
                           FAIRLEAD_MEMBER(tokens.leeway_s), 0, 3600),
      list("auth.public_key_files",
           "files with one public key each (PEM): FILE, or FILE:ALG for another than its usual "
           "algorithm",
           FAIRLEAD_MEMBER(public_key_files)),
      boolean("auth.require_exp", "refuse tokens without an expiry",
              FAIRLEAD_MEMBER(tokens.require_exp)),
      number<std::int64_t>("auth.timeout_ms", "time for the first `auth` message",
                           FAIRLEAD_MEMBER(hub.auth_timeout_ms), 100, 600'000),
  };
}

std::vector<ConfigKey> limit_keys() {
  return {
      number<std::int64_t>("limits.bytes_per_second", "bytes of one connection; 0: any",
                           FAIRLEAD_MEMBER(hub.bytes_per_second), 0, 1'000'000'000),
      number<std::int64_t>("limits.device_burst", "messages of one device at once",
                           FAIRLEAD_MEMBER(hub.device_burst), 1, 100'000'000),
      number<std::int64_t>("limits.device_bytes_per_second", "bytes of one device; 0: any",
                           FAIRLEAD_MEMBER(hub.device_bytes_per_second), 0, 1'000'000'000),
      number<std::int64_t>("limits.device_messages_per_second", "messages of one device; 0: any",
                           FAIRLEAD_MEMBER(hub.device_messages_per_second), 0, 100'000'000),
      number<std::int64_t>("limits.tenant_burst", "messages of one tenant at once",
                           FAIRLEAD_MEMBER(hub.tenant_burst), 1, 100'000'000),
      number<std::int64_t>("limits.tenant_bytes_per_second", "bytes of one tenant; 0: any",
                           FAIRLEAD_MEMBER(hub.tenant_bytes_per_second), 0, 1'000'000'000),
      number<std::int64_t>("limits.tenant_messages_per_second", "messages of one tenant; 0: any",
                           FAIRLEAD_MEMBER(hub.tenant_messages_per_second), 0, 100'000'000),
      number<std::int64_t>("limits.burst", "messages that a connection may send at once",
                           FAIRLEAD_MEMBER(hub.burst), 1, 100'000'000),
      number<std::size_t>("limits.connections", "connections in total; more are answered 503",
                          FAIRLEAD_MEMBER(hub.connections), 1, 10'000'000),
      number<std::size_t>("limits.connections_per_ip",
                          "sockets of one address (IPv6: of a /64); more are answered 429; 0: any; "
                          "leave it at 0 behind proxies",
                          FAIRLEAD_MEMBER(hub.connections_per_ip), 0, 10'000'000),
      number<std::size_t>("limits.connections_per_principal",
                          "connections of one client; more are answered 429; 0: any",
                          FAIRLEAD_MEMBER(hub.connections_per_principal), 0, 10'000'000),
      number<std::size_t>("limits.durable_subscriptions", "durable subscriptions of one client",
                          FAIRLEAD_MEMBER(hub.durable_subscriptions), 0, 100'000),
      number<std::size_t>("limits.fleet_devices", "devices of one command to many",
                          FAIRLEAD_MEMBER(hub.fleet_devices), 1, 1'000'000),
      number<std::size_t>("limits.fleets_per_tenant",
                          "commands to many of a tenant that have not ended",
                          FAIRLEAD_MEMBER(hub.fleets_per_tenant), 1, 100'000),
      number<std::size_t>("limits.handshakes",
                          "sockets without a whole request or a good token; more are answered 503",
                          FAIRLEAD_MEMBER(hub.handshakes), 1, 10'000'000),
      number<std::size_t>("limits.idempotency_keys_per_principal",
                          "idempotency keys of one client that are remembered, for 24 h at most",
                          FAIRLEAD_MEMBER(hub.idempotency_keys_per_principal), 1, 100'000),
      number<std::size_t>("limits.max_message_bytes", "longest message; a longer one closes 1009",
                          FAIRLEAD_MEMBER(hub.max_message_bytes), 1024, 16'777'216),
      number<std::size_t>("limits.memory_bytes",
                          "bytes that may wait for peers and the store in all; 0: any",
                          FAIRLEAD_MEMBER(hub.memory_bytes), 0, 1'099'511'627'776),
      number<std::int64_t>("limits.messages_per_second", "rate of one connection",
                           FAIRLEAD_MEMBER(hub.messages_per_second), 1, 100'000'000),
      number<std::size_t>("limits.outbox_bytes", "bytes that may wait for one slow reader",
                          FAIRLEAD_MEMBER(hub.outbox_bytes), 65'536, 1'073'741'824),
      number<std::size_t>("limits.queued_commands_per_device", "unfinished commands of a device",
                          FAIRLEAD_MEMBER(hub.queued_commands_per_device), 1, 100'000),
  };
}

std::vector<ConfigKey> net_keys() {
  return {
      boolean("net.deflate", "compress messages for peers that offer permessage-deflate",
              FAIRLEAD_MEMBER(is_deflating)),
      boolean("net.deflate_context_takeover",
              "let messages refer to earlier ones: smaller, but 310 KB a connection",
              FAIRLEAD_MEMBER(keeps_deflate_context)),
      number<int>("net.deflate_level", "zlib's level: 1 is fastest, 9 smallest",
                  FAIRLEAD_MEMBER(deflate_level), 1, 9),
      number<std::size_t>("net.deflate_min_bytes", "shorter messages are sent as they are",
                          FAIRLEAD_MEMBER(deflate_min_bytes), 1, 16'777'216),
  };
}

std::vector<ConfigKey> other_keys() {
  return {
      text("http.admin_listen", "address for /healthz, /readyz and /metrics; empty: http.listen",
           FAIRLEAD_MEMBER(http_admin_listen)),
      list("http.allowed_origins", "web origins that may connect beside the hub's own; * for all",
           FAIRLEAD_MEMBER(http_allowed_origins)),
      number<std::int64_t>("http.idle_timeout_ms",
                           "time without a request after which a connection is closed",
                           FAIRLEAD_MEMBER(http.idle_timeout_ms), 100, 86'400'000),
      text("http.listen", "address for HTTP and WebSocket", FAIRLEAD_MEMBER(http_listen)),
      number<std::int64_t>("http.min_bytes_per_second",
                           "slowest upload or download that is waited for",
                           FAIRLEAD_MEMBER(http.min_bytes_per_second), 1, 1'000'000'000),
      number<std::int64_t>(
          "http.request_timeout_ms",
          "time for a whole request, longer for a body by http.min_bytes_per_second; 408 after",
          FAIRLEAD_MEMBER(http.request_timeout_ms), 100, 3'600'000),
      number<std::int64_t>("http.write_timeout_ms",
                           "time in which a peer has to take some of its answer; cut off after",
                           FAIRLEAD_MEMBER(http.write_timeout_ms), 100, 3'600'000),
      boolean("http.proxy_protocol", "connections from trusted proxies begin with a PROXY header",
              FAIRLEAD_MEMBER(http_proxy_protocol)),
      text("http.tls_cert", "PEM file with the certificate and its chain; empty: no TLS",
           FAIRLEAD_MEMBER(tls.certificate)),
      text("http.tls_client_ca", "PEM file with roots; set: clients must show a certificate",
           FAIRLEAD_MEMBER(tls.client_ca)),
      number<std::size_t>("http.tls_handshakes",
                          "unfinished TLS handshakes of one shard; the oldest is dropped above",
                          FAIRLEAD_MEMBER(tls_handshakes), 1, 1'000'000),
      text("http.tls_key", "PEM file with the certificate's key, mode 0600",
           FAIRLEAD_MEMBER(tls.key)),
      number<std::int64_t>("http.tls_timeout_ms", "time for the PROXY header and the TLS handshake",
                           FAIRLEAD_MEMBER(tls_timeout_ms), 100, 600'000),
      list("http.trusted_proxies", "addresses and ranges whose X-Forwarded-For is believed",
           FAIRLEAD_MEMBER(http_trusted_proxies)),
      choice("log.format", "text or json", FAIRLEAD_MEMBER(log_format), {"text", "json"}),
      choice("log.level", "debug, info, warn or error", FAIRLEAD_MEMBER(log_level),
             {"debug", "info", "warn", "error"}),
      number<std::int64_t>("presence.heartbeat_ms", "silence after which a peer is pinged",
                           FAIRLEAD_MEMBER(hub.heartbeat_ms), 100, 3'600'000),
      choice(
          "runtime.io",
          "how shards send: uring (io_uring) or epoll; auto: io_uring where the kernel allows it",
          FAIRLEAD_MEMBER(io), {"auto", "epoll", "uring"}),
      number<std::int64_t>("runtime.shards", "threads that serve connections; 0: one a core",
                           FAIRLEAD_MEMBER(shards), 0, 128),
      number<std::int64_t>("runtime.verifiers",
                           "threads that check ES256, ES384 and EdDSA signatures for the shards",
                           FAIRLEAD_MEMBER(verifiers), 1, 128),
      number<std::int64_t>("subscriptions.durable_ttl_s", "how long an unused one stays",
                           FAIRLEAD_MEMBER(hub.durable_ttl_s), 60, 3'153'600'000),
  };
}

std::vector<ConfigKey> store_keys() {
  return {
      boolean("store.auto_migrate",
              "apply missing migrations to a server's schema at the start (SQLite: always)",
              FAIRLEAD_MEMBER(auto_migrate)),
      number<std::int64_t>("store.command_days",
                           "days that finished commands are kept; 0: for ever",
                           FAIRLEAD_MEMBER(hub.command_days), 0, 36'500),
      number<std::int64_t>("store.connection_log_days",
                           "days that ended connections stay in the log; 0: for ever",
                           FAIRLEAD_MEMBER(hub.connection_log_days), 0, 36'500),
      text("store.data", "directory of the database", FAIRLEAD_MEMBER(data_dir)),
      choice(
          "store.durability",
          "full: an ack survives a power cut; normal: a power cut may take back the last commits",
          FAIRLEAD_MEMBER(durability), {"full", "normal"}),
      number<std::int64_t>(
          "store.retention_bytes",
          "bytes of telemetry in files, beyond which the oldest go; 0: any (SQLite)",
          FAIRLEAD_MEMBER(retention.bytes), 0, std::int64_t{1} << 50),
      number<std::int64_t>("store.retention_days",
                           "days after their arrival that samples are kept at least; 0: for ever",
                           FAIRLEAD_MEMBER(retention.days), 0, 36'500),
      number<std::int64_t>("store.segment_age_ms",
                           "age at which a stretch of telemetry becomes a file (SQLite)",
                           FAIRLEAD_MEMBER(segments.age_ms), 1000, 31'536'000'000),
      number<std::int64_t>(
          "store.segment_bytes",
          "bytes of metrics at which a stretch of telemetry becomes a file (SQLite)",
          FAIRLEAD_MEMBER(segments.bytes), 65'536, std::int64_t{1} << 40),
      number<std::int64_t>("store.segment_rows",
                           "samples at which a stretch of telemetry becomes a file (SQLite)",
                           FAIRLEAD_MEMBER(segments.rows), 100, 100'000'000),
      number<std::int64_t>("store.server_patience_ms",
                           "how long a commit waits for a database server that is away; then it "
                           "fails",
                           FAIRLEAD_MEMBER(server_patience_ms), 0, 3'600'000),
      number<std::int64_t>("store.server_timeout_ms",
                           "silence after which a database server is taken for gone",
                           FAIRLEAD_MEMBER(server_timeout_ms), 100, 3'600'000),
      url("store.url", "postgresql://…, or empty: SQLite in store.data",
          FAIRLEAD_MEMBER(store_url)),
  };
}

#undef FAIRLEAD_MEMBER

std::size_t distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t corner = row[0]++;
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t change = corner + (one[i] == other[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, change});
    }
  }
  return row.back();
}

}  // namespace

std::span<const ConfigKey> config_keys() {
  static const std::vector<ConfigKey> keys = [] {
    std::vector<ConfigKey> all;
    for (auto part : {auth_keys(), limit_keys(), net_keys(), other_keys(), store_keys()}) {
      std::ranges::move(part, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &ConfigKey::name);
    return all;
  }();
  return keys;
}

Result<const ConfigKey*> find_config_key(std::string_view name) {
  const auto keys = config_keys();
  const auto key = std::ranges::find(keys, name, &ConfigKey::name);
  if (key != keys.end()) return &*key;
  const auto nearest = std::ranges::min_element(
      keys, {}, [name](const ConfigKey& known) { return distance(name, known.name); });
  return fail(Code::kInvalid, "unknown configuration key {}; the nearest is {}", name,
              nearest->name);
}

Result<void> set_config_key(Settings& settings, std::string_view name, std::string_view value) {
  const auto key = find_config_key(name);
  if (!key) return std::unexpected(key.error());
  if (auto set = (*key)->set(settings, value); !set) {
    return fail(Code::kInvalid, "{} = \"{}\": {}", name, value, set.error().message);
  }
  return {};
}

}  // namespace fairlead::app
