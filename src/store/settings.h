#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "store/writer.h"

namespace fairlead::store {

struct Settings {
  /// Which database (store/url.h); empty: SQLite in data_dir.
  std::string url{};
  std::filesystem::path data_dir{};
  /// False (`store.durability = normal`): a power cut may take back the last commits.
  bool full_durability = true;
  /// Where the schema of a server is behind, apply what is missing instead of refusing to start.
  /// SQLite's is always brought up: nobody else uses the file.
  bool auto_migrate = false;
  WriterLimits writer{};
  std::size_t reader_threads = 2;
  /// Queries that may wait; beyond, kOverloaded.
  std::size_t max_queries = 4096;
};

}  // namespace fairlead::store
