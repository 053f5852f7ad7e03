// bench-allocations: how often the hub asks the heap for memory, for each message.
// docs/performance.md says how to read it.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/clock.h"
#include "bench/allocations/rig.h"
#include "bench/messages.h"
#include "store/memory/backend.h"
#include "store/sqlite/backend.h"

namespace fairlead::bench {
namespace {

/// So many rounds of: every device sends `window` messages, everybody gets what is due.
struct Load {
  std::string key;
  std::string title;
  std::size_t devices = 1;
  int window = 1;
  std::size_t subscribers = 0;
};

std::vector<Load> all_loads() {
  return {
      {.key = "ingest-1", .title = "ingest, 200 devices, 1 in flight", .devices = 200},
      {.key = "ingest-16",
       .title = "ingest, 200 devices, 16 in flight",
       .devices = 200,
       .window = 16},
      {.key = "fanout-1", .title = "fan-out to 1000 subscribers, window 1", .subscribers = 1000},
      {.key = "fanout-32", .title = "the same, window 32", .window = 32, .subscribers = 1000},
      {.key = "mixed",
       .title = "50 devices, 4 in flight, 20 subscribers to all",
       .devices = 50,
       .window = 4,
       .subscribers = 20}};
}

struct Options {
  std::vector<std::string> loads;
  std::size_t shards = 1;
  int rounds = 300;
  std::string store = "none";
  std::string directory = ".";
  std::optional<double> at_most;
  bool shows_stacks = false;
  std::size_t stacks = 20;
  std::size_t frames = 8;
};

constexpr int kWarmUpRounds = 150;
constexpr std::int64_t kMsPerRound = 10;
constexpr std::size_t kOutboxBytes = 16 << 20;

/// A commit that costs nothing: what is left is the hub's own.
class NoBackend final : public store::Backend {
 public:
  Result<void> commit(std::span<store::Write>) override { return {}; }
  Result<void> probe() override { return {}; }
};

struct Figures {
  double messages = 0;
  double deliveries = 0;
  HeapCount of_messages;
  HeapCount of_timers;
  std::string stacks;
};

/// One load on a rig of its own.
class Measurement {
 public:
  Measurement(const Load& load, const Options& options, store::Backend& backend)
      : load_(load), options_(options), rig_(options.shards, backend, kOutboxBytes) {}

  Result<Figures> run() {
    if (auto ready = set_up(); !ready) return std::unexpected(ready.error());
    if (auto warm = rounds(kWarmUpRounds); !warm) return std::unexpected(warm.error());
    rig_.of_messages = {};
    rig_.of_timers = {};
    HeapLedger::forget_stacks();
    if (options_.shows_stacks) HeapLedger::keep_stacks();
    if (auto measured = rounds(options_.rounds); !measured) {
      return std::unexpected(measured.error());
    }
    const double messages = static_cast<double>(options_.rounds) * messages_a_round();
    Figures figures{.messages = messages,
                    .deliveries = messages * static_cast<double>(load_.subscribers),
                    .of_messages = rig_.of_messages,
                    .of_timers = rig_.of_timers,
                    .stacks = {}};
    if (options_.shows_stacks) {
      figures.stacks = HeapLedger::stacks(options_.stacks, options_.frames, messages);
    }
    return figures;
  }

 private:
  double messages_a_round() const {
    return static_cast<double>(load_.devices) * static_cast<double>(load_.window);
  }

  Result<void> set_up() {
    for (std::size_t i = 0; i < load_.devices; ++i) {
      const auto line = rig_.connect(
          {.kind = auth::Kind::kDevice, .tenant = "t", .subject = fmt::format("bench-{}", i)});
      if (!line) return std::unexpected(line.error());
    }
    seqs_.assign(load_.devices, 0);
    for (std::size_t i = 0; i < load_.subscribers; ++i) {
      const auto line = rig_.connect({.kind = auth::Kind::kClient,
                                      .tenant = "t",
                                      .subject = "app",
                                      .scopes = auth::Scopes::all(),
                                      .all_devices = true});
      if (!line) return std::unexpected(line.error());
      rig_.say(*line,
               R"({"type":"subscribe","id":1,"devices":["bench-*"],"events":["telemetry"]})");
    }
    if (auto written = rig_.write(); !written) return written;
    return hear(0, 0, load_.subscribers);
  }

  Result<void> rounds(int count) {
    for (int round = 0; round < count; ++round) {
      for (std::size_t device = 0; device < load_.devices; ++device) {
        for (int i = 0; i < load_.window; ++i) {
          write_telemetry(message_, ++seqs_[device]);
          rig_.say(device, message_);
        }
      }
      if (auto written = rig_.write(); !written) return written;
      const auto messages = static_cast<std::size_t>(messages_a_round());
      if (auto heard = hear(messages, messages * load_.subscribers, 0); !heard) return heard;
      rig_.pass_time(kMsPerRound);
    }
    return {};
  }

  /// Waits until the devices have so many acks, and the clients so many events and acks.
  Result<void> hear(std::size_t acks, std::size_t events, std::size_t client_acks) {
    std::string problem;
    const auto done = rig_.run_until(
        [&](std::size_t line, std::string_view message) {
          if (has_type(message, "ack")) {
            --(line < load_.devices ? acks : client_acks);
          } else if (has_type(message, "telemetry")) {
            --events;
          } else {
            problem = message.substr(0, 200);
          }
        },
        [&] { return (acks == 0 && events == 0 && client_acks == 0) || !problem.empty(); });
    if (!problem.empty()) return fail(Code::kInternal, "the hub said {}", problem);
    return done;
  }

  const Load& load_;
  const Options& options_;
  Rig rig_;
  std::vector<std::int64_t> seqs_;
  std::string message_;
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
  for (const Load& load : all_loads()) {
    const bool is_wanted =
        options.loads.empty() || std::ranges::find(options.loads, load.key) != options.loads.end();
    if (!is_wanted) continue;
    const auto backend = open_backend(options);
    if (!backend) {
      fmt::print(stderr, "bench-allocations: {}\n", backend.error().message);
      return 2;
    }
    const auto figures = Measurement(load, options, **backend).run();
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
  app.add_option("--shards", options.shards, "Shards, all stepped by one thread")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "Measured rounds of each load")
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
  app.add_option("--frames", options.frames, "How many functions of each stack")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return fairlead::bench::run(options);
}
