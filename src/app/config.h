#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/settings.h"
#include "base/result.h"

namespace fairlead::app {

/// Where settings come from; the later wins: file, environment, assignments.
struct ConfigSources {
  /// A TOML file; nullopt: none.
  std::optional<std::string> file;
  /// All of the process's `NAME=value`; those that begin with FAIRLEAD_ count.
  std::vector<std::string> environment;
  /// `section.key` and value, in order (`--set`, and flags that stand for a key).
  std::vector<std::pair<std::string, std::string>> assignments;
};

/// The settings in force, every value checked. The error is one line that names the source, the
/// key and the rule.
Result<Settings> load_settings(const ConfigSources& sources);

/// `section.key=value`, as `--set` takes it.
Result<std::pair<std::string, std::string>> parse_assignment(const std::string& text);

/// The settings as a TOML file with a comment for each key. Of secrets in files it names the file;
/// a password in store.url is masked.
std::string print_settings(const Settings& settings);

}  // namespace fairlead::app
