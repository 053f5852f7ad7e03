#pragma once

#include <expected>
#include <filesystem>

#include "base/result.h"

namespace fairlead::store::sqlite {

/// The error with the file that it is about, for stderr and logs.
inline std::unexpected<Error> explain(const std::filesystem::path& file, const Error& error) {
  return fail(error.code, "{}: {}", file.string(), error.message);
}

}  // namespace fairlead::store::sqlite
