#include "commands/params.h"

namespace fairlead::commands {

Params::Params() = default;
Params::~Params() = default;

Result<void> Params::check(std::string_view /*schema*/,
                           const std::optional<std::string>& /*params*/) {
  return {};
}

}  // namespace fairlead::commands
