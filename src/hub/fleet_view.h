#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.h"
#include "commands/fleet.h"

namespace fairlead::hub {

// Patterns against the members of a fleet, which are sorted: a pattern fits a range of them.

/// Whether one of the patterns fits one of the members.
bool selects_one(const std::vector<std::string>& patterns, const commands::FleetMembers& members);

/// Whether the principal may touch every one of them.
bool may_touch_all(const auth::Principal& who, const commands::FleetMembers& members);

}  // namespace fairlead::hub
