#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace fairlead::store::sqlite {

/// Reads all of the store in `data_dir`, also while a hub runs on it, and returns what is wrong
/// with it, a line each; nothing when it is whole. An error when it cannot be read at all.
Result<std::vector<std::string>> check(const std::filesystem::path& data_dir);

}  // namespace fairlead::store::sqlite
