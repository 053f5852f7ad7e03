#pragma once

#include "app/transfer/options.h"

namespace fairlead::app::transfer {

/// `fairlead import`: sends what a file holds to a running hub. Each sample is numbered by its
/// place among its device's in the file, so that the same import run again goes on where it
/// stopped. Returns the exit code.
int run_import(const ImportOptions& options);

}  // namespace fairlead::app::transfer
