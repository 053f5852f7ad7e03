#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "commands/fleet.h"
#include "store/loaded.h"

namespace fairlead::store {

/// The members of a fleet as a column holds them: a line each, the key, a space, the id.
std::string encode_members(const commands::FleetMembers& members);

/// The inverse; nothing when `text` is not what encode_members writes.
std::optional<commands::FleetMembers> decode_members(std::string_view text);

/// Adds to each loaded fleet those whose devices were deleted: as cancelled, unless the fleet never
/// came to them and will find that out by itself.
void add_deleted_members(Loaded& loaded);

}  // namespace fairlead::store
