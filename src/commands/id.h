#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace fairlead::commands {

/// A new command's id: as make_id('k', …), but its last four characters are the low 20 bits of
/// `home_hash`, so that an id leads to its home shard. Sorts behind `previous` (an id, or empty)
/// even when both are of the same millisecond or the clock went back: after a restart the order of
/// the ids is the order of the commands.
std::string new_command_id(std::int64_t now_ms, Random& random, std::uint32_t home_hash,
                           std::string_view previous);

/// No id that was made at `ms` or later sorts before it: of commands (`k`), of fleets (`f`).
std::string first_id_at(char kind, std::int64_t ms);

/// The 20 bits of home_hash that an id carries; nullopt when it is not a command's id.
std::optional<std::uint32_t> home_hash_of(std::string_view command_id);

}  // namespace fairlead::commands
