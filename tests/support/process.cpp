#include "support/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "support/failure.h"
#include "support/hub_process.h"

namespace fairlead::support {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

Process::Process(const std::filesystem::path& program, std::vector<std::string> arguments,
                 const ProcessOptions& options)
    : program_(fmt::format("{} {}", program.filename().string(), fmt::join(arguments, " "))),
      errors_path_(directory_.write("stderr.txt", "")) {
  arguments.insert(arguments.begin(), program.string());
  std::vector<std::string> environment;
  for (char** entry = ::environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  environment.insert(environment.end(), options.environment.begin(), options.environment.end());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Failure("pipe2 failed");
  pid_ = ::fork();
  if (pid_ < 0) throw Failure("fork failed");
  if (pid_ == 0) run_child(arguments, environment, ends[1]);
  ::close(ends[1]);
  output_end_ = ends[0];
  pid_end_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (pid_end_ < 0) {
    kill_and_reap();
    throw Failure("pidfd_open failed");
  }
}

void Process::run_child(std::vector<std::string>& arguments, std::vector<std::string>& environment,
                        int output_end) const {
  auto argument_pointers = pointers(arguments);
  auto environment_pointers = pointers(environment);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int errors = ::open(errors_path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (::dup2(nothing, 0) < 0 || ::dup2(output_end, 1) < 0 || ::dup2(errors, 2) < 0 ||
      ::chdir(directory_.path().c_str()) != 0) {
    ::_exit(127);
  }
  ::execve(argument_pointers[0], argument_pointers.data(), environment_pointers.data());
  ::_exit(127);
}

Process::~Process() {
  kill_and_reap();
  ::close(output_end_);
  if (pid_end_ >= 0) ::close(pid_end_);
}

void Process::kill_and_reap() {
  if (exit_code_) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_code_ = 128 + SIGKILL;
}

std::string Process::story() const {
  return fmt::format("{}\n--- its stdout:\n{}\n--- its stderr:\n{}", program_, output_, errors());
}

// Waits for bytes on stdout or for the end of it (false).
bool Process::read_output(Deadline deadline) {
  pollfd wanted{.fd = output_end_, .events = POLLIN, .revents = 0};
  if (::poll(&wanted, 1, deadline.left_ms()) == 0) {
    throw Failure("waited too long for stdout of " + story());
  }
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(output_end_, buffer.data(), buffer.size());
  if (got <= 0) return false;
  output_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

std::string Process::read_line(Deadline deadline) {
  std::size_t end = 0;
  while ((end = output_.find('\n')) == std::string::npos) {
    if (!read_output(deadline)) throw Failure("stdout ended without a line: " + story());
  }
  std::string line = output_.substr(0, end);
  output_.erase(0, end + 1);
  return line;
}

void Process::signal(int number) const {
  if (!exit_code_) ::kill(pid_, number);
}

int Process::wait(Deadline deadline) {
  if (exit_code_) return *exit_code_;
  bool output_open = true;
  while (true) {
    std::array<pollfd, 2> wanted{
        {{.fd = pid_end_, .events = POLLIN, .revents = 0},
         {.fd = output_open ? output_end_ : -1, .events = POLLIN, .revents = 0}}};
    if (::poll(wanted.data(), wanted.size(), deadline.left_ms()) == 0) {
      throw Failure("waited too long for the end of " + story());
    }
    if (wanted[1].revents != 0) {
      output_open = read_output(deadline);
    } else if (wanted[0].revents != 0) {
      break;
    }
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return *exit_code_;
}

std::size_t resident_bytes(pid_t pid) {
  // The second number of /proc/<pid>/statm: pages.
  const std::string statm = read_file(fmt::format("/proc/{}/statm", pid));
  return std::stoull(statm.substr(statm.find(' '))) *
         static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

Finished run(const std::filesystem::path& program, std::vector<std::string> arguments,
             const ProcessOptions& options, Deadline deadline) {
  Process process(program, std::move(arguments), options);
  const int code = process.wait(deadline);
  return {.code = code, .out = process.output(), .err = process.errors()};
}

Finished run_fairlead(std::vector<std::string> arguments, const ProcessOptions& options) {
  return run(fairlead_binary(), std::move(arguments), options, Deadline{kStartPatience});
}

}  // namespace fairlead::support
