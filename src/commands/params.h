#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::commands {

/// Checks the params of commands against the JSON Schemas that devices declared.
class Params {
 public:
  Params();
  ~Params();
  Params(const Params&) = delete;
  Params& operator=(const Params&) = delete;

  /// kInvalid with `fields` such as `params.celsius`. An empty schema takes everything; no params
  /// are checked as `{}`.
  Result<void> check(std::string_view schema, const std::optional<std::string>& params);
};

}  // namespace fairlead::commands
