#include "auth/principal.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "protocol/names.h"

namespace fairlead::auth {

namespace {

/// Indexed by `Scope`.
constexpr std::array<std::string_view, 8> kScopeNames = {
    "telemetry:read", "telemetry:write", "device:read",     "device:write",
    "command:read",   "command:send",    "connection:read", "admin",
};
static_assert(kScopeNames.size() == static_cast<std::size_t>(Scope::kAdmin) + 1);

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
  return principal.devices &&
         std::ranges::any_of(*principal.devices, [&](const std::string& pattern) {
           return protocol::matches(pattern, device_id);
         });
}

bool is_same_identity(const Principal& one, const Principal& other) {
  return one.kind == other.kind && one.tenant == other.tenant && one.subject == other.subject;
}

}  // namespace fairlead::auth
