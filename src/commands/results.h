#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "commands/progress.h"
#include "protocol/requests.h"

namespace fairlead::commands {

/// What a device's result means for a command that has ended.
enum class Verdict : std::uint8_t {
  /// The same again: nothing to do.
  kEqual,
  /// Another one: refused.
  kConflict,
  /// The first one after it expired or was cancelled: kept beside.
  kLate,
};

/// `progress` is final. Results are equal when status, result and error are, as JSON values.
Verdict judge(const Progress& progress, const protocol::CommandResult& request);

/// `{"status":…,"result":…,"error":…,"at":…}`
std::string late_result_json(const protocol::CommandResult& request, std::int64_t at);

/// `{"code":…,"message":…}`
std::string error_json(std::string_view code, std::string_view message);

}  // namespace fairlead::commands
