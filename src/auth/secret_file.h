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

/// A file with keys, as it was read.
struct KeyFile {
  std::string text;
  /// Its permissions.
  unsigned mode = 0;
};

/// A regular file of at most 1 MiB. Errors (kInvalid) name it and the cause. Blocks on the disk.
Result<KeyFile> read_key_file(const std::filesystem::path& path);

/// Refuses a file that others than its owner can open: it holds a secret.
Result<void> check_is_private(const KeyFile& file, const std::filesystem::path& path);

/// The secret as a key for HS256, which is the algorithm of a secret file.
Result<Key> key_from_secret_file(const std::filesystem::path& path);

}  // namespace fairlead::auth
