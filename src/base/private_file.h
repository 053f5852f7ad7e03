#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead {

/// The content of a regular file that nobody but its owner may read, write or run; of a longer one
/// the first `most_bytes`. Errors (kInvalid) begin with `what` and the path, and name the cause or
/// what to do. Blocks on the disk: for the start and for rotation, not for a shard.
Result<std::string> read_private_file(const std::filesystem::path& path, std::string_view what,
                                      std::size_t most_bytes);

}  // namespace fairlead
