#pragma once

#include <filesystem>
#include <string>

#include "auth/key.h"
#include "base/result.h"

namespace fairlead::auth {

/// The secret in `path`: its bytes without one trailing newline, at least 32 and at most 4096 of
/// them, in a regular file that only its owner can read. Errors (kInvalid) name the file, the
/// rule and what to do. Blocks on the disk: for the start and for rotation, not for a shard.
Result<std::string> read_secret_file(const std::filesystem::path& path);

/// The secret as a key for HS256, which is the algorithm of a secret file.
Result<Key> key_from_secret_file(const std::filesystem::path& path);

}  // namespace fairlead::auth
