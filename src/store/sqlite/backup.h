#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "store/sqlite/database.h"
#include "store/sqlite/segments.h"

namespace fairlead::store::sqlite {

/// Bytes that are done, and all of them.
using BackupProgress = std::function<void(std::uint64_t, std::uint64_t)>;

/// Writes the store in `data_dir` to one file, as it is at one moment, while a hub may run on it
/// (in another process). Copied as `fairlead.db` into an empty directory it is a store: segments
/// travel inside, and a start takes them out. Appears under its name when it is whole and on the
/// disk. Returns its bytes.
Result<std::uint64_t> back_up(const std::filesystem::path& data_dir,
                              const std::filesystem::path& out, const BackupProgress& progress);

/// At a start: the segments that a backup brought become files. Does nothing for any other
/// database.
Result<void> unpack_segments(Database& database, const Segments& segments);

}  // namespace fairlead::store::sqlite
