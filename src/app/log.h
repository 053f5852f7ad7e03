#pragma once

#include "app/settings.h"

namespace fairlead::app {

/// Sets the process's log: to stderr, as text or as one JSON object a line, from `log.level` up.
void start_log(const Settings& settings);

}  // namespace fairlead::app
