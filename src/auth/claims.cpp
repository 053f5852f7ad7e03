#include "auth/claims.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/names.h"

namespace fairlead::auth {

namespace {

using Element = simdjson::dom::element;
using Object = JsonReader::Object;

constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxDevices = 1000;
/// The end of the year 9999: beyond it a date is a mistake, such as milliseconds for seconds.
constexpr std::int64_t kLastSecond = 253'402'300'799;

std::unexpected<Error> bad_claim(std::string_view name, std::string_view rule) {
  return fail(Code::kUnauthenticated, "claim {}: {}", name, rule);
}

std::optional<Element> member(Object object, std::string_view name) {
  Element element;
  if (object[name].get(element) != simdjson::SUCCESS) return std::nullopt;
  return element;
}

/// A string claim; nothing when it is missing.
Result<std::optional<std::string_view>> text_claim(Object object, std::string_view name) {
  const auto element = member(object, name);
  if (!element) return std::nullopt;
  std::string_view text;
  if (element->get(text) != simdjson::SUCCESS) return bad_claim(name, "not a string");
  return text;
}

/// A NumericDate (RFC 7519, 2), which may have a fraction, to the millisecond.
Result<std::optional<std::int64_t>> date_claim(Object object, std::string_view name) {
  const auto element = member(object, name);
  if (!element) return std::nullopt;
  double seconds = 0;
  if (element->get(seconds) != simdjson::SUCCESS) return bad_claim(name, "not a number");
  if (!(seconds >= 0 && seconds <= static_cast<double>(kLastSecond))) {
    return bad_claim(name, "out of range");
  }
  // Whole seconds up to the year 9999 are exact in a double.
  return std::llround(seconds * 1000);
}

/// 1 to 256 bytes of UTF-8 without control characters (C0, DEL, C1).
bool is_printable_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  if (!simdjson::validate_utf8(name)) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    if (byte < 0x20 || byte == 0x7F) return false;
    // Valid UTF-8 has another byte here.
    if (byte == 0xC2 && static_cast<unsigned char>(name[i + 1]) < 0xA0) return false;
  }
  return true;
}

Result<void> read_identity(Object object, const ClaimNames& names, Principal& into) {
  const auto kind = text_claim(object, names.kind);
  if (!kind) return std::unexpected(kind.error());
  const std::string_view kind_name = kind->value_or(name_of(Kind::kClient));
  if (kind_name != name_of(Kind::kClient) && kind_name != name_of(Kind::kDevice)) {
    return bad_claim(names.kind, "neither device nor client");
  }
  into.kind = kind_name == name_of(Kind::kDevice) ? Kind::kDevice : Kind::kClient;

  const auto sub = text_claim(object, names.sub);
  if (!sub) return std::unexpected(sub.error());
  if (!*sub) return bad_claim(names.sub, "missing");
  if (into.kind == Kind::kDevice ? !protocol::is_device_id(**sub) : !is_printable_name(**sub)) {
    return bad_claim(names.sub, into.kind == Kind::kDevice ? "not an id of a device"
                                                           : "not 1 to 256 printable bytes");
  }
  into.subject = **sub;

  const auto tenant = text_claim(object, names.tenant);
  if (!tenant) return std::unexpected(tenant.error());
  into.tenant = tenant->value_or("default");
  if (!protocol::is_tenant(into.tenant)) return bad_claim(names.tenant, "not a name of a tenant");
  return {};
}

Result<void> read_devices(Object object, const std::string& name, Principal& into) {
  const auto element = member(object, name);
  if (!element) {
    into.all_devices = true;
    return {};
  }
  simdjson::dom::array patterns;
  if (element->get(patterns) != simdjson::SUCCESS) return bad_claim(name, "not an array");
  if (patterns.size() > kMaxDevices) return bad_claim(name, "over 1000 entries");
  std::vector<std::string> devices;
  devices.reserve(patterns.size());
  for (const Element item : patterns) {
    std::string_view pattern;
    if (item.get(pattern) != simdjson::SUCCESS || !protocol::is_pattern(pattern)) {
      return bad_claim(name, "an entry is neither an id nor a prefix");
    }
    devices.emplace_back(pattern);
  }
  if (!devices.empty()) into.devices = std::move(devices);
  return {};
}

Result<void> read_permissions(Object object, const ClaimNames& names, Principal& into) {
  const auto scope = text_claim(object, names.scope);
  if (!scope) return std::unexpected(scope.error());
  // What a device may do is fixed; its token can neither widen nor narrow it.
  if (into.kind == Kind::kDevice) return {};
  into.scopes = Scopes::from_claim(scope->value_or(""));
  return read_devices(object, names.devices, into);
}

Result<Validity> read_validity(Object object, const TokenPolicy& policy) {
  const auto expires = date_claim(object, policy.claims.exp);
  if (!expires) return std::unexpected(expires.error());
  if (!*expires && policy.require_exp) return bad_claim(policy.claims.exp, "missing");
  const auto not_before = date_claim(object, "nbf");
  if (!not_before) return std::unexpected(not_before.error());
  const auto issued = date_claim(object, "iat");
  if (!issued) return std::unexpected(issued.error());
  return Validity{.expires_at_ms = *expires, .not_before_ms = *not_before, .issued_at_ms = *issued};
}

bool is_one_of(Element element, std::span<const std::string> allowed) {
  std::string_view text;
  return element.get(text) == simdjson::SUCCESS &&
         std::ranges::find(allowed, text) != allowed.end();
}

Result<void> check_origin_of_token(Object object, const TokenPolicy& policy) {
  if (!policy.issuer.empty()) {
    const auto iss = member(object, "iss");
    if (!iss || !is_one_of(*iss, policy.issuer)) {
      return fail(Code::kUnauthenticated, "token from another issuer");
    }
  }
  if (policy.audience.empty()) return {};
  // A string or an array of them (RFC 7519, 4.1.3).
  const auto aud = member(object, "aud");
  const auto names_us = [&](Element item) { return is_one_of(item, policy.audience); };
  simdjson::dom::array many;
  const bool is_for_us =
      aud &&
      (aud->get(many) == simdjson::SUCCESS ? std::ranges::any_of(many, names_us) : names_us(*aud));
  if (!is_for_us) return fail(Code::kUnauthenticated, "token for another audience");
  return {};
}

}  // namespace

Result<Claims> read_claims(Object object, const TokenPolicy& policy) {
  Claims claims;
  Principal& principal = claims.principal;
  auto validity = read_validity(object, policy);
  if (!validity) return std::unexpected(std::move(validity.error()));
  claims.validity = *validity;
  principal.expires_at_ms = validity->expires_at_ms.value_or(0);
  principal.issued_at_ms = validity->issued_at_ms.value_or(0);
  if (auto checked = check_origin_of_token(object, policy); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  if (auto read = read_identity(object, policy.claims, principal); !read) {
    return std::unexpected(std::move(read.error()));
  }
  if (auto read = read_permissions(object, policy.claims, principal); !read) {
    return std::unexpected(std::move(read.error()));
  }
  const auto jti = text_claim(object, "jti");
  if (!jti) return std::unexpected(jti.error());
  // A `jti` that no revocation can name would make the token one that nobody can revoke.
  if (*jti && !is_printable_name(**jti)) return bad_claim("jti", "not 1 to 256 printable bytes");
  if (*jti && !(*jti)->empty()) principal.jti = std::string(**jti);
  return claims;
}

Result<void> check_validity(const Validity& validity, const TokenPolicy& policy,
                            std::int64_t now_ms) {
  const std::int64_t leeway_ms = policy.leeway_s * 1000;
  // Zero is the epoch itself, and must not become the 0 that means "never" in a principal.
  if (validity.expires_at_ms &&
      (*validity.expires_at_ms == 0 || now_ms >= *validity.expires_at_ms)) {
    return fail(Code::kUnauthenticated, "token expired");
  }
  if (validity.not_before_ms && now_ms + leeway_ms < *validity.not_before_ms) {
    return fail(Code::kUnauthenticated, "token not valid yet");
  }
  if (validity.issued_at_ms && now_ms + leeway_ms < *validity.issued_at_ms) {
    return fail(Code::kUnauthenticated, "token issued in the future");
  }
  return {};
}

}  // namespace fairlead::auth
