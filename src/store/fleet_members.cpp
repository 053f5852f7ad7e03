#include "store/fleet_members.h"

#include <fmt/format.h>

#include <boost/unordered/unordered_flat_set.hpp>
#include <charconv>
#include <iterator>

namespace fairlead::store {

std::string encode_members(const commands::FleetMembers& members) {
  std::string text;
  for (const commands::FleetMember& member : members) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", member.key, member.device);
  }
  return text;
}

std::optional<commands::FleetMembers> decode_members(std::string_view text) {
  commands::FleetMembers members;
  while (!text.empty()) {
    commands::FleetMember member;
    const std::size_t end = text.find('\n');
    const auto [space, problem] =
        std::from_chars(text.data(), text.data() + text.size(), member.key);
    const auto begin = static_cast<std::size_t>(space - text.data()) + 1;
    if (problem != std::errc{} || end == std::string_view::npos || begin >= end) {
      return std::nullopt;
    }
    if (*space != ' ') return std::nullopt;
    member.device = text.substr(begin, end - begin);
    members.push_back(std::move(member));
    text.remove_prefix(end + 1);
  }
  return members;
}

void add_deleted_members(Loaded& loaded) {
  if (loaded.fleets.empty()) return;
  boost::unordered_flat_set<protocol::DeviceKey> devices;
  for (const LoadedDevice& device : loaded.devices) devices.insert(device.device.key);
  for (LoadedFleet& fleet : loaded.fleets) {
    for (const commands::FleetMember& member : *fleet.fleet.members) {
      // Its commands went with it.
      if (devices.contains(member.key)) continue;
      fleet.members.emplace_back(member.key, commands::State::kCancelled);
    }
  }
}

}  // namespace fairlead::store
