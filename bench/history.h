#pragma once

#include <cstdint>

#include "base/result.h"
#include "bench/lab.h"

namespace fairlead::bench {

/// Measures a hub on a history of about `rows` samples of 200 devices with four metrics, and prints
/// a line for each figure.
Result<void> report_history(Lab& lab, std::int64_t rows);

}  // namespace fairlead::bench
