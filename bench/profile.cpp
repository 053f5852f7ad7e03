#include "bench/profile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>
#include <vector>

#include "bench/child.h"

namespace fairlead::bench {
namespace {

constexpr int kSamplesPerSecond = 1999;
constexpr int kLines = 40;
constexpr int kAnswerMs = 20'000;
constexpr std::size_t kColumns = 160;

Result<std::string> perf(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"/usr/bin/env", "perf"});
  return Child::output_of(arguments);
}

/// The shares of whatever `sort` names, without empty lines and headings.
Result<std::string> shares(const std::string& file, const std::string& sort) {
  const auto output = perf({"report", "-i", file, "--stdio", "-q", "--no-children", "-g", "none",
                            "--percent-limit", "0.3", "--sort", sort});
  if (!output) return output;
  std::istringstream lines(*output);
  std::string text;
  int count = 0;
  for (std::string line; std::getline(lines, line) && count < kLines;) {
    line.resize(std::min(line.size(), kColumns));
    const std::size_t end = line.find_last_not_of(' ');
    if (end == std::string::npos || line.front() == '#') continue;
    text += line.substr(0, end + 1) + '\n';
    ++count;
  }
  return text;
}

}  // namespace

Result<void> Profile::check() {
  if (!perf({"--version"})) {
    return fail(Code::kInternal, "there is no perf here: apt-get install linux-perf");
  }
  if (!perf({"record", "-q", "-o", "/dev/null", "--", "true"})) {
    return fail(Code::kInternal,
                "perf may not record here: see kernel.perf_event_paranoid, or run it as root");
  }
  return {};
}

Profile::Profile(pid_t pid, const std::string& file) : file_(file) {
  const std::string commands = file + ".commands";
  const std::string answers = file + ".answers";
  mkfifo(commands.c_str(), 0600);
  mkfifo(answers.c_str(), 0600);
  // For both directions, so that opening waits for nobody.
  commands_ = open(commands.c_str(), O_RDWR | O_CLOEXEC);
  answers_ = open(answers.c_str(), O_RDWR | O_CLOEXEC);
  // It begins disabled: until it is ready for a loaded process, seconds may pass.
  recording_ = std::async(std::launch::async, [pid, file, commands, answers] {
    return perf({"record", "-q", "-g", "-F", std::to_string(kSamplesPerSecond), "-D", "-1", "-p",
                 std::to_string(pid), "-o", file,
                 fmt::format("--control=fifo:{},{}", commands, answers)});
  });
  tell("enable\n");
}

Profile::~Profile() {
  close(commands_);
  close(answers_);
}

void Profile::tell(std::string_view command) const {
  if (write(commands_, command.data(), command.size()) < 0) return;
  pollfd answered{.fd = answers_, .events = POLLIN, .revents = 0};
  std::array<char, 64> answer{};
  if (poll(&answered, 1, kAnswerMs) > 0 && read(answers_, answer.data(), answer.size()) < 0) return;
}

Result<std::string> Profile::report() {
  tell("stop\n");
  const auto recorded = recording_.get();
  if (!recorded) return recorded;
  const auto threads = shares(file_, "comm");
  if (!threads) return threads;
  const auto functions = shares(file_, "comm,dso,symbol");
  if (!functions) return functions;
  return fmt::format("Threads of the hub:\n{}\nFunctions, by their own share:\n{}", *threads,
                     *functions);
}

}  // namespace fairlead::bench
