#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"

namespace fairlead::store {

/// A command's history as a column holds it: `[{"status":"pending","at":1764000000000},…]`.
std::string encode_history(const std::vector<commands::Transition>& history);

/// The inverse; nothing when `text` is not what encode_history writes.
std::optional<std::vector<commands::Transition>> decode_history(std::string_view text);

}  // namespace fairlead::store
