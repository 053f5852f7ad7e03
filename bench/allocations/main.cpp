// bench-allocations: how often the hub asks the heap for memory, for each message.
// docs/performance.md says how to read it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/clock.h"
#include "bench/allocations/measurement.h"
#include "store/memory/backend.h"
#include "store/sqlite/backend.h"

namespace fairlead::bench {
namespace {

struct Options {
  std::vector<std::string> loads;
  Conditions conditions;
  std::string store = "none";
  std::string directory = ".";
  std::optional<double> at_most;
  bool shows_stacks = false;
  std::size_t stacks = 20;
};

Result<std::unique_ptr<store::Backend>> open_backend(const Options& options) {
  if (options.store == "memory") return std::make_unique<store::memory::Backend>();
  if (options.store == "none") return std::make_unique<NoBackend>();
  static const SystemClock clock;
  const std::filesystem::path file =
      std::filesystem::path(options.directory) / "allocations-fairlead.db";
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    std::filesystem::remove(file.string() + suffix, ignored);
  }
  auto backend = store::sqlite::Backend::open(file, false, clock);
  if (!backend) return std::unexpected(backend.error());
  return std::unique_ptr<store::Backend>(*std::move(backend));
}

void print(const Load& load, const Figures& figures) {
  const HeapCount& heap = figures.of_messages;
  fmt::print("{:<48}  {:>12.4f}  {:>12.1f}  {:>12}  {:>12.0f}  {:>12.1f}\n", load.title,
             static_cast<double>(heap.allocations) / figures.messages,
             static_cast<double>(heap.bytes) / figures.messages,
             static_cast<std::int64_t>(heap.allocations) - static_cast<std::int64_t>(heap.frees),
             figures.messages, static_cast<double>(figures.of_timers.allocations));
  if (!figures.stacks.empty()) fmt::print("{}", figures.stacks);
}

int run(const Options& options) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  fmt::print("{:<48}  {:>12}  {:>12}  {:>12}  {:>12}  {:>12}\n", "load", "allocations", "bytes",
             "not freed", "messages", "by timers");
  bool is_over = false;
  Conditions conditions = options.conditions;
  conditions.stacks = options.shows_stacks ? options.stacks : 0;
  for (const Load& load : all_loads()) {
    const bool is_wanted =
        options.loads.empty() || std::ranges::find(options.loads, load.key) != options.loads.end();
    if (!is_wanted) continue;
    const auto backend = open_backend(options);
    if (!backend) {
      fmt::print(stderr, "bench-allocations: {}\n", backend.error().message);
      return 2;
    }
    const auto figures = measure(load, conditions, **backend);
    if (!figures) {
      fmt::print(stderr, "bench-allocations: {}: {}\n", load.key, figures.error().message);
      return 2;
    }
    print(load, *figures);
    is_over = is_over || (options.at_most && static_cast<double>(figures->of_messages.allocations) >
                                                 *options.at_most * figures->messages);
  }
  return is_over ? 1 : 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  fairlead::bench::Options options;
  std::string keys;
  for (const auto& load : fairlead::bench::all_loads()) {
    keys += (keys.empty() ? "" : ", ") + load.key;
  }
  CLI::App app("Counts what the hub takes from the heap for each message, in steady state.");
  app.footer("Loads: " + keys +
             ".\nThe exit code is 1 when a load is over --at-most, 2 when it could not be "
             "measured.");
  app.add_option("loads", options.loads, "Loads to measure; all when none is named");
  app.add_option("--shards", options.conditions.shards, "Shards, all stepped by one thread")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  const std::map<std::string, fairlead::net::Io> io = {{"epoll", fairlead::net::Io::kEpoll},
                                                       {"uring", fairlead::net::Io::kUring}};
  app.add_option("--io", options.conditions.io, "How it sends: epoll, uring")
      ->transform(CLI::CheckedTransformer(io));
  app.add_option("--rounds", options.conditions.rounds, "Measured rounds of each load")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--store", options.store, "What a commit does: none, memory, sqlite")
      ->check(CLI::IsMember({"none", "memory", "sqlite"}))
      ->capture_default_str();
  app.add_option("--data", options.directory, "Where --store sqlite keeps its file")
      ->capture_default_str();
  app.add_option("--at-most", options.at_most, "Allocations a message that are allowed");
  app.add_flag("--where", options.shows_stacks, "Shows which code allocates (needs addr2line)");
  app.add_option("--stacks", options.stacks, "How many of the most frequent stacks")
      ->capture_default_str();
  app.add_option("--frames", options.conditions.frames, "How many functions of each stack")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return fairlead::bench::run(options);
}
