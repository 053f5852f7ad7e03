#include "app/upkeep.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>

#include "app/store_settings.h"
#include "store/driver.h"

namespace fairlead::app {
namespace {

int refuse(const Error& error) {
  fmt::print(stderr, "fairlead: {}\n", error.message);
  return 1;
}

/// Tells each whole percent on stderr, on one line where a person looks.
class Percent {
 public:
  void operator()(std::uint64_t done, std::uint64_t all) {
    const std::uint64_t percent = all == 0 ? 100 : done * 100 / all;
    if (percent == last_) return;
    last_ = percent;
    if (is_terminal_) fmt::print(stderr, "\r{:3} % of {} MiB", percent, all >> 20);
    if (is_terminal_ && percent == 100) fmt::print(stderr, "\n");
    if (!is_terminal_ && percent % 10 == 0) {
      fmt::print(stderr, "{} % of {} MiB\n", percent, all >> 20);
    }
  }

 private:
  const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::uint64_t last_ = UINT64_MAX;
};

}  // namespace

int back_up(const Settings& settings, const std::string& out) {
  // The hub beside it goes first.
  ::setpriority(PRIO_PROCESS, 0, 19);
  const auto driver = driver_of(settings);
  if (!driver) return refuse(driver.error());
  Percent percent;
  const auto bytes = (*driver)->back_up(
      out, [&percent](std::uint64_t done, std::uint64_t all) { percent(done, all); });
  if (!bytes) return refuse(bytes.error());
  fmt::print("{}: {} bytes\n", out, *bytes);
  return 0;
}

int check_store_files(const Settings& settings) {
  const auto driver = driver_of(settings);
  if (!driver) return refuse(driver.error());
  const auto problems = (*driver)->check();
  if (!problems) return refuse(problems.error());
  for (const std::string& problem : *problems) fmt::print("{}\n", problem);
  fmt::print("{}: {}\n", (*driver)->describe(), problems->empty() ? "whole" : "damaged");
  return problems->empty() ? 0 : 1;
}

}  // namespace fairlead::app
