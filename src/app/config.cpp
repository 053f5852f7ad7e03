#include "app/config.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

#include "app/config_file.h"
#include "app/config_keys.h"
#include "net/trusted_proxies.h"
#include "store/url.h"

namespace fairlead::app {
namespace {

constexpr std::string_view kPrefix = "FAIRLEAD_";

/// `FAIRLEAD_HTTP__ALLOWED_ORIGINS` is http.allowed_origins.
std::string key_of_variable(std::string_view name) {
  std::string key;
  name.remove_prefix(kPrefix.size());
  while (!name.empty()) {
    if (name.starts_with("__")) {
      key.push_back('.');
      name.remove_prefix(2);
    } else {
      key.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(name.front()))));
      name.remove_prefix(1);
    }
  }
  return key;
}

Result<void> apply_file(Settings& settings, const std::string& path) {
  const auto entries = read_config_file(path);
  if (!entries) return std::unexpected(entries.error());
  for (const auto& [key, value] : *entries) {
    if (auto set = set_config_key(settings, key, value); !set) {
      return fail(Code::kInvalid, "{}: {}", path, set.error().message);
    }
  }
  return {};
}

Result<void> apply_environment(Settings& settings, const std::vector<std::string>& environment) {
  for (const std::string& variable : environment) {
    if (!variable.starts_with(kPrefix)) continue;
    const std::size_t equals = variable.find('=');
    const std::string name = variable.substr(0, equals);
    // Without two underscores it names no section and is somebody else's.
    if (name.find("__") == std::string::npos) continue;
    const std::string value = equals == std::string::npos ? "" : variable.substr(equals + 1);
    if (auto set = set_config_key(settings, key_of_variable(name), value); !set) {
      return fail(Code::kInvalid, "environment variable {}: {}", name, set.error().message);
    }
  }
  return {};
}

Result<void> check_http(const Settings& settings) {
  if (settings.tls.certificate.empty() != settings.tls.key.empty()) {
    return fail(Code::kInvalid, "http.tls_cert and http.tls_key go together: {} is missing",
                settings.tls.key.empty() ? "http.tls_key" : "http.tls_cert");
  }
  if (!settings.tls.client_ca.empty() && settings.tls.certificate.empty()) {
    return fail(Code::kInvalid, "http.tls_client_ca: needs http.tls_cert and http.tls_key");
  }
  const auto proxies = net::TrustedProxies::make(settings.http_trusted_proxies);
  if (!proxies) {
    return fail(Code::kInvalid, "http.trusted_proxies: {}", proxies.error().message);
  }
  if (settings.http_proxy_protocol && proxies->is_empty()) {
    return fail(Code::kInvalid,
                "http.proxy_protocol: needs http.trusted_proxies, the addresses that send it");
  }
  return {};
}

}  // namespace

Result<Settings> load_settings(const ConfigSources& sources) {
  Settings settings;
  if (sources.file) {
    if (auto read = apply_file(settings, *sources.file); !read) {
      return std::unexpected(read.error());
    }
  }
  if (auto read = apply_environment(settings, sources.environment); !read) {
    return std::unexpected(read.error());
  }
  for (const auto& [key, value] : sources.assignments) {
    if (auto set = set_config_key(settings, key, value); !set) return std::unexpected(set.error());
  }
  if (settings.hub.outbox_bytes < settings.hub.max_message_bytes) {
    return fail(Code::kInvalid,
                "limits.outbox_bytes = {}: must be at least limits.max_message_bytes ({})",
                settings.hub.outbox_bytes, settings.hub.max_message_bytes);
  }
  if (auto fits = check_http(settings); !fits) return std::unexpected(fits.error());
  if (settings.hub.memory_bytes > 0 && settings.hub.memory_bytes < settings.hub.outbox_bytes) {
    return fail(Code::kInvalid,
                "limits.memory_bytes = {}: must be 0 or at least limits.outbox_bytes ({})",
                settings.hub.memory_bytes, settings.hub.outbox_bytes);
  }
  if (auto kind = store::kind_of_url(settings.store_url); !kind) {
    return std::unexpected(kind.error());
  }
  return settings;
}

Result<std::pair<std::string, std::string>> parse_assignment(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(Code::kInvalid, "--set {}: must be section.key=value", text);
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

std::string print_settings(const Settings& settings) {
  // By section: TOML takes each header once, and by name `auth.claims.sub` stands within `auth`.
  std::map<std::string_view, std::string> sections;
  for (const ConfigKey& key : config_keys()) {
    const std::size_t dot = key.name.rfind('.');
    sections[key.name.substr(0, dot)] +=
        fmt::format("# {}\n{} = {}\n", key.help, key.name.substr(dot + 1), key.get(settings));
  }
  std::string out;
  for (const auto& [section, lines] : sections) {
    out += fmt::format("{}[{}]\n{}", out.empty() ? "" : "\n", section, lines);
  }
  return out;
}

}  // namespace fairlead::app
