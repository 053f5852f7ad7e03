#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "app/settings.h"
#include "base/result.h"

namespace fairlead::app {

/// One key of the configuration: `section.name`, how it is read and shown.
struct ConfigKey {
  std::string_view name;
  /// What it is, its unit and range, for a person.
  std::string_view help;
  /// Takes the value as text; a list is separated by commas. The error says what it may be.
  std::function<Result<void>(Settings&, std::string_view)> set;
  std::function<std::string(const Settings&)> get;
  /// Whether the value is a list (shown and written as an array).
  bool is_list = false;
};

/// All keys, by name.
std::span<const ConfigKey> config_keys();

/// The key of that name; the error (kInvalid) names the nearest that there is.
Result<const ConfigKey*> find_config_key(std::string_view name);

/// Sets one key from text. The error names key, value and rule.
Result<void> set_config_key(Settings& settings, std::string_view name, std::string_view value);

}  // namespace fairlead::app
