#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace fairlead::bench {

/// What is in a store that is filled without a hub: devices `meter-1`, `meter-2` and so on, whose
/// samples are evenly spaced.
struct FillPlan {
  std::int64_t devices = 1;
  std::int64_t samples_each = 0;
  /// Of the first sample.
  std::int64_t from_ms = 0;
  std::int64_t interval_ms = 1000;
  /// 1 to 4.
  int metrics = 1;
  /// Or the last samples, up to a segment of them, stay in a table.
  bool is_sealed = false;
};

/// The data directory of such a store below `parent`: made through the store's own writer and
/// sealer, or left there by a former run.
Result<std::string> filled_store(const std::string& parent, const FillPlan& plan);

/// Has the kernel forget what it keeps of the files in the directory and below.
Result<void> drop_cached_files(const std::string& directory);

}  // namespace fairlead::bench
