#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/deadline.h"
#include "support/temp_dir.h"

namespace fairlead::support {

struct ProcessOptions {
  /// NAME=value, beside the environment of the test.
  std::vector<std::string> environment;
};

/// A child process with its stdout on a pipe and its stderr in a file. It runs in a directory and
/// a process group of its own and is killed, with its own children, when this object goes away.
/// Start it on the main thread: it also dies with the thread that started it.
class Process {
 public:
  Process(const std::filesystem::path& program, std::vector<std::string> arguments,
          const ProcessOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  /// The directory that it runs in.
  const std::filesystem::path& directory() const { return directory_.path(); }

  /// The next line of its stdout without the end of line; throws Failure when there is none.
  std::string read_line(Deadline deadline = Deadline{});
  void signal(int number) const;
  /// Waits for its end and returns its exit code, or 128 and the signal that ended it.
  int wait(Deadline deadline = Deadline{});
  bool has_ended() const { return exit_code_.has_value(); }

  /// What it wrote to stdout and was not taken by read_line; whole after wait().
  const std::string& output() const { return output_; }
  /// What it wrote to stderr so far.
  std::string errors() const { return read_file(errors_path_); }

 private:
  [[noreturn]] void run_child(std::vector<std::string>& arguments,
                              std::vector<std::string>& environment, int output_end) const;
  bool read_output(Deadline deadline);
  void kill_and_reap();
  std::string story() const;

  std::string program_;
  TempDir directory_;
  std::filesystem::path errors_path_;
  pid_t pid_ = -1;
  int output_end_ = -1;
  int pid_end_ = -1;
  std::string output_;
  std::optional<int> exit_code_;
};

/// What a running process holds in memory, as the kernel sees it.
std::size_t resident_bytes(pid_t pid);

/// What a program that ran to its end left behind.
struct Finished {
  int code = 0;
  std::string out;
  std::string err;
};

/// Runs a program to its end.
Finished run(const std::filesystem::path& program, std::vector<std::string> arguments,
             const ProcessOptions& options = {}, Deadline deadline = Deadline{});

/// The same for the program under test.
Finished run_fairlead(std::vector<std::string> arguments, const ProcessOptions& options = {});

}  // namespace fairlead::support
