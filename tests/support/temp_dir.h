#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace fairlead::support {

/// A directory of its own that goes away, with all that is in it, when this object does.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Writes a file in it, with mode 0600 unless told otherwise, and returns its path.
  std::filesystem::path write(std::string_view name, std::string_view content,
                              unsigned mode = 0600) const;

 private:
  std::filesystem::path path_;
};

/// The whole file, or nothing when it cannot be read.
std::string read_file(const std::filesystem::path& path);

}  // namespace fairlead::support
