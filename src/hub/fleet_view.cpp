#include "hub/fleet_view.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "protocol/names.h"

namespace fairlead::hub {
namespace {

/// The members that a pattern fits: from the first to behind the last.
std::pair<std::size_t, std::size_t> range_of(std::string_view pattern,
                                             const commands::FleetMembers& members) {
  const bool is_prefix = protocol::is_prefix(pattern);
  if (is_prefix) pattern.remove_suffix(1);
  const auto id = [](const commands::FleetMember& member) {
    return std::string_view(member.device);
  };
  const auto first = std::ranges::lower_bound(members, pattern, {}, id);
  const auto last = std::partition_point(first, members.end(), [&](const auto& member) {
    return is_prefix ? member.device.starts_with(pattern) : member.device == pattern;
  });
  return {static_cast<std::size_t>(first - members.begin()),
          static_cast<std::size_t>(last - members.begin())};
}

}  // namespace

bool selects_one(const std::vector<std::string>& patterns, const commands::FleetMembers& members) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    const auto [first, last] = range_of(pattern, members);
    return first < last;
  });
}

bool may_touch_all(const auth::Principal& who, const commands::FleetMembers& members) {
  if (who.all_devices) return true;
  if (!who.devices) return members.empty();
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const std::string& pattern : *who.devices) ranges.push_back(range_of(pattern, members));
  std::ranges::sort(ranges);
  std::size_t covered = 0;
  for (const auto& [first, last] : ranges) {
    if (first > covered) break;
    covered = std::max(covered, last);
  }
  return covered == members.size();
}

}  // namespace fairlead::hub
