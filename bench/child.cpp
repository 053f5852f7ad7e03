#include "bench/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace fairlead::bench {
namespace {

using std::chrono::steady_clock;

constexpr int kStartMs = 20'000;
constexpr int kStopMs = 15'000;

struct Spawned {
  pid_t pid = 0;
  int out = -1;
};

Result<Spawned> spawn(const std::vector<std::string>& argv, const std::string& log_file) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return fail(Code::kInternal, "pipe: {}", errno);
  std::vector<std::string> copies = argv;
  std::vector<char*> pointers;
  pointers.reserve(copies.size() + 1);
  for (std::string& argument : copies) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const int log = open(log_file.empty() ? "/dev/null" : log_file.c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    // Gone with its parent, also when that one is killed.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(pipe_ends[1], STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  close(pipe_ends[1]);
  close(log);
  if (pid < 0) {
    close(pipe_ends[0]);
    return fail(Code::kInternal, "fork: {}", std::strerror(errno));
  }
  return Spawned{.pid = pid, .out = pipe_ends[0]};
}

/// Reads until `is_enough` or the end of the stream; false when the time is up.
template <typename Enough>
bool read_until(int fd, std::string& text, Enough is_enough, int timeout_ms) {
  const auto deadline = steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::array<char, 4096> buffer{};
  while (!is_enough(text)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) return false;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) return true;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return true;
}

std::string end_of_file(const std::string& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return text.size() > 400 ? text.substr(text.size() - 400) : text;
}

/// The number at the end of a line such as `… http://127.0.0.1:41234`; 0 when there is none.
int port_in(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  const std::size_t last = line.find_last_not_of("0123456789");
  if (last == std::string::npos || last + 1 == line.size()) return 0;
  return std::atoi(line.c_str() + last + 1);
}

void reap(pid_t pid, int timeout_ms) {
  const auto deadline = steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (waitpid(pid, nullptr, WNOHANG) == 0) {
    if (steady_clock::now() > deadline) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(const std::vector<std::string>& argv,
                                            const std::string& log_file) {
  const auto spawned = spawn(argv, log_file);
  if (!spawned) return std::unexpected(spawned.error());
  std::string text;
  read_until(
      spawned->out, text, [](const std::string& so_far) { return so_far.contains('\n'); },
      kStartMs);
  const int port = port_in(text);
  if (port == 0) {
    close(spawned->out);
    kill(spawned->pid, SIGTERM);
    reap(spawned->pid, kStopMs);
    return fail(Code::kInternal, "{} did not start: {} {}", argv.front(), text,
                end_of_file(log_file));
  }
  return std::unique_ptr<Child>(new Child(spawned->pid, spawned->out, port));
}

Result<std::string> Child::output_of(const std::vector<std::string>& argv) {
  const auto spawned = spawn(argv, "");
  if (!spawned) return std::unexpected(spawned.error());
  std::string text;
  const bool in_time =
      read_until(spawned->out, text, [](const std::string&) { return false; }, 300'000);
  close(spawned->out);
  if (!in_time) kill(spawned->pid, SIGKILL);
  int status = 0;
  waitpid(spawned->pid, &status, 0);
  if (status != 0) return fail(Code::kInternal, "{} failed ({})", argv.front(), status);
  return text;
}

Child::~Child() {
  kill(pid_, SIGTERM);
  reap(pid_, kStopMs);
  close(out_);
}

std::int64_t Child::cpu_ns() const {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

Result<std::int64_t> Child::private_bytes() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/smaps_rollup");
  std::int64_t total_kb = 0;
  bool is_found = false;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t kb = 0;
    if (words >> name >> kb && (name == "Private_Clean:" || name == "Private_Dirty:")) {
      total_kb += kb;
      is_found = true;
    }
  }
  if (!is_found) return fail(Code::kInternal, "no smaps_rollup of process {}", pid_);
  return total_kb * 1024;
}

}  // namespace fairlead::bench
