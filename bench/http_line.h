#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::bench {

/// One HTTP connection to a hub on 127.0.0.1, for requests that a figure is made of.
class HttpLine {
 public:
  static Result<HttpLine> open(int port, std::string token);
  ~HttpLine();
  HttpLine(HttpLine&& other) noexcept;
  HttpLine& operator=(HttpLine&&) = delete;

  /// The body of a 200 that names its length; all else is an error.
  Result<std::string> get(std::string_view target);
  /// Only asks; read() takes what has come, 0 at the end.
  Result<void> ask(std::string_view target, std::string_view accept);
  Result<std::size_t> read(std::string& into, std::size_t most);
  int fd() const { return fd_; }

 private:
  HttpLine(int fd, std::string token) : fd_(fd), token_(std::move(token)) {}

  int fd_;
  const std::string token_;
};

}  // namespace fairlead::bench
