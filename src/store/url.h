#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::store {

enum class Kind : std::uint8_t { kSqlite, kPostgres };

/// Empty is SQLite in the data directory, postgresql:// and postgres:// are PostgreSQL. The error
/// says what else there is, and of `url` its scheme only.
Result<Kind> kind_of_url(const std::string& url);

/// `url` with `***` for every password in it, in the authority and in parameters. When in doubt
/// more is masked: it need not be a good URL.
std::string masked_url(std::string_view url);

}  // namespace fairlead::store
