#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace fairlead::app::transfer {

/// The text of a file or of stdin, read once from its begin to its end. Errors name it.
class Input {
 public:
  static constexpr int kEnd = -1;
  /// A line, or a record with line ends in quotes, has at most this many bytes.
  static constexpr std::size_t kMaxRecordBytes = std::size_t{16} << 20;

  /// `path`: `-` is stdin.
  static Result<Input> open(const std::string& path);
  ~Input();
  Input(Input&&) noexcept;
  Input& operator=(Input&&) = delete;

  /// Of the first 64 KiB: the same for the same file, also when it has grown.
  std::string fingerprint() const;
  /// The next byte, or kEnd; peek() leaves it there.
  int peek() { return at_ < filled_ || fill() ? static_cast<unsigned char>(buffer_[at_]) : kEnd; }
  int take();
  /// Without its end; false behind the last one.
  bool take_line(std::string& line);

  const std::string& name() const { return name_; }
  /// Of the next byte, from 1 on.
  std::uint64_t line() const { return line_; }
  /// Taken so far, and in all (0 where that is not known).
  std::uint64_t position() const { return before_ + at_; }
  std::uint64_t size() const { return size_; }
  /// What a read met; then everything ends as if the text did.
  Result<void> problem() const;

 private:
  Input(std::string name, int file);
  bool fill();

  const std::string name_;
  int file_;
  std::uint64_t size_ = 0;
  std::string buffer_;
  std::size_t filled_ = 0;
  std::size_t at_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t line_ = 1;
  int error_ = 0;
};

}  // namespace fairlead::app::transfer
