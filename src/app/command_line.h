#pragma once

#include <string>
#include <vector>

namespace fairlead::app {

/// Runs what the arguments (without the program's name) ask for; returns the exit code. What goes
/// wrong is one line on stderr. `environment`: the process's, as `NAME=value`.
int run_command_line(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment);

}  // namespace fairlead::app
