#include "auth/principal.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "protocol/limits.h"

namespace fairlead::auth {

namespace {

constexpr std::size_t kMaxTenant = 64;

/// Indexed by `Scope`.
constexpr std::array<std::string_view, 8> kScopeNames = {
    "telemetry:read", "telemetry:write", "device:read",     "device:write",
    "command:read",   "command:send",    "connection:read", "admin",
};
static_assert(kScopeNames.size() == static_cast<std::size_t>(Scope::kAdmin) + 1);

constexpr std::array<bool, 256> kIdCharacters = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789_.:/-")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

bool has_only_id_characters(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return kIdCharacters[static_cast<unsigned char>(c)]; });
}

}  // namespace

std::string_view name_of(Kind kind) { return kind == Kind::kDevice ? "device" : "client"; }

std::string_view name_of(Scope scope) { return kScopeNames[static_cast<std::size_t>(scope)]; }

std::optional<Scope> scope_named(std::string_view name) {
  const auto found = std::ranges::find(kScopeNames, name);
  if (found == kScopeNames.end()) return std::nullopt;
  return static_cast<Scope>(found - kScopeNames.begin());
}

Scopes Scopes::from_claim(std::string_view words) {
  Scopes scopes;
  while (!words.empty()) {
    const std::size_t length = std::min(words.find(' '), words.size());
    if (const auto scope = scope_named(words.substr(0, length))) scopes.add(*scope);
    words.remove_prefix(std::min(length + 1, words.size()));
  }
  return scopes;
}

Scopes Scopes::all() {
  Scopes scopes;
  for (std::size_t i = 0; i < kScopeNames.size(); ++i) scopes.add(static_cast<Scope>(i));
  return scopes;
}

std::string Scopes::to_claim() const {
  std::string words;
  for (std::size_t i = 0; i < kScopeNames.size(); ++i) {
    if (!has(static_cast<Scope>(i))) continue;
    if (!words.empty()) words += ' ';
    words += kScopeNames[i];
  }
  return words;
}

bool may_touch(const Principal& principal, std::string_view device_id) {
  if (principal.kind == Kind::kDevice) return device_id == principal.subject;
  if (principal.all_devices) return true;
  return std::ranges::any_of(
      principal.devices, [&](const std::string& pattern) { return matches(pattern, device_id); });
}

bool is_same_identity(const Principal& one, const Principal& other) {
  return one.kind == other.kind && one.tenant == other.tenant && one.subject == other.subject;
}

bool is_device_id(std::string_view id) {
  return !id.empty() && id.size() <= protocol::kMaxDeviceIdLength && has_only_id_characters(id);
}

bool is_device_pattern(std::string_view pattern) {
  if (!pattern.ends_with('*')) return is_device_id(pattern);
  pattern.remove_suffix(1);
  return pattern.size() <= protocol::kMaxDeviceIdLength && has_only_id_characters(pattern);
}

bool is_tenant(std::string_view tenant) {
  return !tenant.empty() && tenant.size() <= kMaxTenant && has_only_id_characters(tenant);
}

bool matches(std::string_view pattern, std::string_view id) {
  if (!pattern.ends_with('*')) return pattern == id;
  return id.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace fairlead::auth
