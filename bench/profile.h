#pragma once

#include <sys/types.h>

#include <future>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::bench {

/// What a process does with its time, as `perf` sees it. Linux's perf must be installed and
/// allowed.
class Profile {
 public:
  /// Why there can be no profile on this machine; nothing when there can.
  static Result<void> check();

  /// Samples process `pid` into `file` from now on: returns when it has begun.
  Profile(pid_t pid, const std::string& file);
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Ends it and gives, as text, the threads and the functions by their own share.
  Result<std::string> report();

 private:
  /// Sends perf a command and waits until it has done it.
  void tell(std::string_view command) const;

  const std::string file_;
  int commands_ = -1;
  int answers_ = -1;
  std::future<Result<std::string>> recording_;
};

}  // namespace fairlead::bench
