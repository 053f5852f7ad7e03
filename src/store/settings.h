#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/memory_meter.h"
#include "store/writer.h"

namespace fairlead::store {

/// When the stretch of telemetry that is appended to is full and another is begun; whichever comes
/// first.
struct SegmentLimits {
  std::int64_t rows = 500'000;
  /// Of metrics.
  std::int64_t bytes = std::int64_t{64} << 20;
  std::int64_t age_ms = std::int64_t{6} * 60 * 60 * 1000;
};

/// How long samples are kept, by time of arrival and by bytes on the disk; 0: for ever, without a
/// bound. Whole segments go.
struct Retention {
  std::int64_t days = 0;
  std::int64_t bytes = 0;
};

struct Settings {
  /// Which database (store/url.h); empty: SQLite in data_dir.
  std::string url{};
  std::filesystem::path data_dir{};
  /// False (`store.durability = normal`): a power cut may take back the last commits.
  bool full_durability = true;
  /// Where the schema of a server is behind, apply what is missing instead of refusing to start.
  /// SQLite's is always brought up: nobody else uses the file.
  bool auto_migrate = false;
  /// Of a database server: one that is silent for longer is taken for gone.
  std::chrono::milliseconds server_timeout{30'000};
  /// How long a commit waits for a server that is away before it fails.
  std::chrono::milliseconds server_patience{30'000};
  WriterLimits writer{};
  SegmentLimits segments{};
  Retention retention{};
  std::size_t reader_threads = 2;
  /// Queries that may wait; beyond, kOverloaded.
  std::size_t max_queries = 4096;
  /// Is told what waits to be written, and outlives the store; null: nobody is.
  MemoryMeter* memory = nullptr;
};

}  // namespace fairlead::store
