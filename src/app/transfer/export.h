#pragma once

#include "app/transfer/options.h"

namespace fairlead::app::transfer {

/// `fairlead export`: the registry and the telemetry of a running hub, device by device, in memory
/// that does not grow with it. Returns the exit code.
int run_export(const ExportOptions& options);

}  // namespace fairlead::app::transfer
