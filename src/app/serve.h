#pragma once

#include "app/settings.h"

namespace fairlead::app {

/// Runs a hub until SIGTERM or SIGINT; returns the exit code. A second signal ends it at once. A
/// wrong start is one line on stderr, and nothing is written over.
int serve(Settings settings);

}  // namespace fairlead::app
