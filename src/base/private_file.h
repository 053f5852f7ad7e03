#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead {

/// A file with keys, as it was read.
struct KeyFile {
  std::string text;
  /// Its permissions.
  unsigned mode = 0;
};

/// A regular file of at most 1 MiB. Errors (kInvalid) begin with `what` and the path, and name the
/// cause. Blocks on the disk: for the start and for rotation, not for a shard.
Result<KeyFile> read_key_file(const std::filesystem::path& path, std::string_view what = "file");

/// Refuses a file that others than its owner may read, write or run: it holds a secret.
Result<void> check_is_private(const KeyFile& file, const std::filesystem::path& path,
                              std::string_view what = "secret file");

/// Both: the content of a file that nobody but its owner may open.
Result<std::string> read_private_file(const std::filesystem::path& path, std::string_view what);

}  // namespace fairlead
