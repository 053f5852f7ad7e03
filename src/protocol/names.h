#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "protocol/limits.h"

namespace fairlead::protocol {

/// The alphabet of ids of devices, names of metrics and tenants.
constexpr bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == ':' || c == '/' || c == '-';
}

constexpr bool is_name(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && std::ranges::all_of(text, is_name_character);
}

constexpr bool is_device_id(std::string_view text) { return is_name(text, kMaxDeviceIdLength); }
constexpr bool is_metric_name(std::string_view text) { return is_name(text, kMaxMetricNameLength); }
constexpr bool is_tenant(std::string_view text) { return is_name(text, kMaxTenantLength); }

/// What a device may say of itself (`device.status`).
inline constexpr std::array<std::string_view, 4> kDeviceStatuses = {"ok", "warning", "error",
                                                                    "maintenance"};
constexpr bool is_device_status(std::string_view text) {
  return std::ranges::find(kDeviceStatuses, text) != kDeviceStatuses.end();
}

/// Whether a pattern stands for all ids that begin with what is before its `*`.
constexpr bool is_prefix(std::string_view pattern) { return pattern.ends_with('*'); }

/// An id, or a prefix of ids that ends in `*`; `*` alone is the prefix of all.
constexpr bool is_pattern(std::string_view text) {
  if (!is_prefix(text)) return is_device_id(text);
  text.remove_suffix(1);
  return text.empty() || is_device_id(text);
}

/// Whether `pattern`, which is_pattern, selects the device `id`.
constexpr bool matches(std::string_view pattern, std::string_view id) {
  if (!is_prefix(pattern)) return pattern == id;
  return id.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace fairlead::protocol
