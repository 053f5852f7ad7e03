// What a large history costs: starting on it after a kill, reading the end of it, exporting all of
// it, and readers that do not read.
#include "bench/history.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/filled_store.h"
#include "bench/http_line.h"
#include "bench/peers.h"
#include "bench/series.h"

namespace fairlead::bench {
namespace {

/// 2026-06-01T00:00:00Z
constexpr std::int64_t kFromMs = 1'780'272'000'000;
constexpr std::int64_t kDevices = 200;
constexpr int kReads = 200;
constexpr int kSlowReaders = 100;

/// The most that a process had in memory so far, or has now, MiB.
std::int64_t resident_mib(pid_t pid, std::string_view name) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::atoll(line.c_str() + name.size()) >> 10;
  }
  return 0;
}

std::string end_of(std::int64_t device) {
  return fmt::format("/v1/devices/meter-{}/telemetry?order=desc&limit=1000", device);
}

/// ms of each.
Result<Series> read_ends(Lab& lab, int port) {
  auto line = HttpLine::open(port, lab.client_token());
  if (!line) return std::unexpected(line.error());
  Series times;
  for (int i = 0; i < kReads; ++i) {
    const std::int64_t begin = now_ns();
    const auto page = line->get(end_of(1 + i * 7 % kDevices));
    if (!page) return std::unexpected(page.error());
    times.add(static_cast<double>(now_ns() - begin) / 1e6);
  }
  return times;
}

struct Exported {
  double seconds = 0;
  std::int64_t mib = 0;
};

/// Runs `fairlead export` into nowhere.
Result<Exported> export_all(Lab& lab, int port) {
  const std::string url = fmt::format("http://127.0.0.1:{}", port);
  std::vector<std::string> words = {lab.choices().hub_binary, "export",         "--url", url,
                                    "--jwt-secret-file",      lab.secret_file()};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::int64_t begin = now_ns();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  int status = 0;
  rusage used{};
  if (pid < 0 || ::wait4(pid, &status, 0, &used) != pid || status != 0) {
    return fail(Code::kInternal, "the export failed");
  }
  return Exported{.seconds = static_cast<double>(now_ns() - begin) / 1e9,
                  .mib = used.ru_maxrss >> 10};
}

class Report {
 public:
  Report(Lab& lab, std::string data, std::int64_t rows)
      : lab_(lab), data_(std::move(data)), rows_(rows) {}

  Result<void> run() {
    for (const auto part : {&Report::start_again, &Report::read, &Report::read_beside_slow_ones,
                            &Report::export_rows}) {
      if (auto done = (this->*part)(); !done) return done;
    }
    return {};
  }

 private:
  Result<void> start() {
    // What is in a table stays there, old as it is.
    auto hub = lab_.start_hub_on(data_, {"store.segment_age_ms=31536000000"});
    if (!hub) return std::unexpected(hub.error());
    hub_ = std::move(*hub);
    return {};
  }

  Result<void> start_again() {
    if (auto done = start(); !done) return done;
    ::kill(hub_->pid(), SIGKILL);
    hub_.reset();
    if (auto dropped = drop_cached_files(data_); !dropped) return dropped;
    const std::int64_t begin = now_ns();
    if (auto done = start(); !done) return done;
    fmt::print("start after kill -9, cold cache:        {:.2f} s\n",
               static_cast<double>(now_ns() - begin) / 1e9);
    return {};
  }

  Result<void> read() {
    if (auto dropped = drop_cached_files(data_); !dropped) return dropped;
    auto line = HttpLine::open(hub_->port(), lab_.client_token());
    if (!line) return std::unexpected(line.error());
    const std::int64_t begin = now_ns();
    if (auto page = line->get(end_of(1)); !page) return std::unexpected(page.error());
    const double cold = static_cast<double>(now_ns() - begin) / 1e6;
    const auto times = read_ends(lab_, hub_->port());
    if (!times) return std::unexpected(times.error());
    fmt::print(
        "a device's last 1000, over HTTP:        {:.1f} ms cold, then p50 {:.1f}, p99 {:.1f}\n",
        cold, times->median(), times->share(0.99));
    return {};
  }

  /// Until the hub has read what it reads for those that take nothing.
  void wait_for_rest() const {
    constexpr std::int64_t kRestNs = 1'000'000;
    for (std::int64_t before = -kRestNs - 1; hub_->cpu_ns() - before > kRestNs;) {
      before = hub_->cpu_ns();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  /// Each asks for a page that no socket's buffers take, and reads nothing of it.
  Result<void> read_beside_slow_ones() {
    std::vector<HttpLine> slow;
    for (int i = 0; i < kSlowReaders; ++i) {
      auto line = HttpLine::open(hub_->port(), lab_.client_token());
      if (!line) return std::unexpected(line.error());
      for (int page = 0; page < 20; ++page) {
        if (auto asked = line->ask(end_of(1 + i), "application/x-ndjson"); !asked) return asked;
      }
      slow.push_back(std::move(*line));
    }
    wait_for_rest();
    const auto times = read_ends(lab_, hub_->port());
    if (!times) return std::unexpected(times.error());
    fmt::print("the same beside {} that do not read:   p50 {:.1f} ms, p99 {:.1f}\n", kSlowReaders,
               times->median(), times->share(0.99));
    return {};
  }

  Result<void> export_rows() {
    const std::int64_t before = resident_mib(hub_->pid(), "VmRSS:");
    const auto exported = export_all(lab_, hub_->port());
    if (!exported) return std::unexpected(exported.error());
    fmt::print(
        "export of {} rows (NDJSON):       {:.0f} s, {:.0f} rows/s; hub {} MiB before, {} at most; "
        "export {} MiB at most\n",
        rows_, exported->seconds, static_cast<double>(rows_) / exported->seconds, before,
        resident_mib(hub_->pid(), "VmHWM:"), exported->mib);
    return {};
  }

  Lab& lab_;
  const std::string data_;
  const std::int64_t rows_;
  std::unique_ptr<Child> hub_;
};

}  // namespace

Result<void> report_history(Lab& lab, std::int64_t rows) {
  const FillPlan plan{
      .devices = kDevices, .samples_each = rows / kDevices, .from_ms = kFromMs, .metrics = 4};
  const auto data = filled_store(lab.choices().data_directory, plan);
  if (!data) return std::unexpected(data.error());
  return Report(lab, *data, plan.devices * plan.samples_each).run();
}

}  // namespace fairlead::bench
