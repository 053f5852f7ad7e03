#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace fairlead::bench {

/// A server under measurement, in a process of its own. Ends with this object.
class Child {
 public:
  /// Starts `argv` and waits up to 20 s for its first line on stdout, which ends with the port.
  /// What it says on stderr goes to `log_file`; an error quotes its end.
  static Result<std::unique_ptr<Child>> start(const std::vector<std::string>& argv,
                                              const std::string& log_file);
  /// Runs `argv` to its end and returns what it printed.
  static Result<std::string> output_of(const std::vector<std::string>& argv);

  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int port() const { return port_; }
  pid_t pid() const { return pid_; }
  /// CPU time of all its threads, also of those that have ended, ns.
  std::int64_t cpu_ns() const;
  /// Memory that is its own: private pages, resident.
  Result<std::int64_t> private_bytes() const;

 private:
  Child(pid_t pid, int out, int port) : pid_(pid), out_(out), port_(port) {}

  pid_t pid_;
  /// Open as long as it runs, so that it can go on writing.
  int out_;
  int port_;
};

}  // namespace fairlead::bench
