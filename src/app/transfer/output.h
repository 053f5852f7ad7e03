#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::app::transfer {

/// Where an export goes: stdout, or a file that has its name only when it is whole.
class Output {
 public:
  /// `path` empty: stdout. A file that is there already is an error.
  static Result<Output> open(const std::string& path);

  Result<void> write(std::string_view text);
  /// Everything is on the disk, and has its name.
  Result<void> finish();
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const {
      if (file != stdout) std::fclose(file);
    }
  };

  Output(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  std::string unfinished() const { return path_ + ".part"; }
  std::string name() const { return path_.empty() ? "stdout" : path_; }

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace fairlead::app::transfer
