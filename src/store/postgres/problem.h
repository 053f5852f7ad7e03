#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::store::postgres {

/// What PostgreSQL, or the way to it, refused.
struct Problem {
  /// Five characters (PostgreSQL, appendix A); empty when it was the connection.
  std::string sqlstate{};
  /// One line, without values of ours and without a password.
  std::string message{};
  /// The session is of no use any more. Whether a commit that was under way took place is unknown.
  bool is_lost = false;

  bool has_class(std::string_view prefix) const { return sqlstate.starts_with(prefix); }
};

template <typename T>
using Outcome = std::expected<T, Problem>;

inline std::unexpected<Error> to_error(const Problem& problem) {
  return fail(Code::kInternal, "PostgreSQL: {}", problem.message);
}

}  // namespace fairlead::store::postgres
