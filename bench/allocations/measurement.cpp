#include "bench/allocations/measurement.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "bench/messages.h"

namespace fairlead::bench {
namespace {

constexpr int kWarmUpRounds = 150;
constexpr std::int64_t kMsPerRound = 10;
constexpr std::size_t kOutboxBytes = 16 << 20;

/// One load on a rig of its own.
class Measurement {
 public:
  Measurement(const Load& load, const Conditions& conditions, store::Backend& backend)
      : load_(load), conditions_(conditions), rig_(conditions.shards, backend, kOutboxBytes) {}

  Result<Figures> run() {
    if (auto opened = rig_.open(conditions_.io); !opened) return std::unexpected(opened.error());
    if (auto ready = set_up(); !ready) return std::unexpected(ready.error());
    if (auto warm = rounds(kWarmUpRounds); !warm) return std::unexpected(warm.error());
    rig_.of_messages = {};
    rig_.of_timers = {};
    HeapLedger::forget_stacks();
    if (conditions_.stacks > 0) HeapLedger::keep_stacks();
    if (auto measured = rounds(conditions_.rounds); !measured) {
      return std::unexpected(measured.error());
    }
    const double messages = static_cast<double>(conditions_.rounds) * messages_a_round();
    Figures figures{.messages = messages,
                    .deliveries = messages * static_cast<double>(load_.subscribers),
                    .of_messages = rig_.of_messages,
                    .of_timers = rig_.of_timers,
                    .stacks = {}};
    if (conditions_.stacks > 0) {
      figures.stacks = HeapLedger::stacks(conditions_.stacks, conditions_.frames, messages);
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
  const Conditions& conditions_;
  Rig rig_;
  std::vector<std::int64_t> seqs_;
  std::string message_;
};

}  // namespace

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

Result<Figures> measure(const Load& load, const Conditions& conditions, store::Backend& backend) {
  return Measurement(load, conditions, backend).run();
}

}  // namespace fairlead::bench
