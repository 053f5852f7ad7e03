#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace fairlead::store::sqlite {

/// The directory that a hub keeps its data in, held for this process alone (flock on DIR/lock,
/// which ends with the process however it ends).
class DataDirectory {
 public:
  /// Makes DIR (mode 0700) when its parent exists. Errors are one line and name the path.
  static Result<DataDirectory> open(const std::filesystem::path& path);
  ~DataDirectory();
  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;

  /// DIR/fairlead.db
  static std::filesystem::path database_in(const std::filesystem::path& path) {
    return path / "fairlead.db";
  }
  /// DIR/segments: files of telemetry.
  static std::filesystem::path segments_in(const std::filesystem::path& path) {
    return path / "segments";
  }

 private:
  explicit DataDirectory(int lock) : lock_(lock) {}
  /// A descriptor; -1 when moved from.
  int lock_;
};

/// Whether the file can be a SQLite database: absent, empty or with the right first bytes.
Result<void> check_header(const std::filesystem::path& file);

}  // namespace fairlead::store::sqlite
