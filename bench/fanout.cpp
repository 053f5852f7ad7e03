// Fan-out: one device, 1000 subscribers, rounds of `window` messages.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "bench/fleet.h"
#include "bench/loads.h"
#include "bench/rows.h"
#include "bench/window.h"

namespace fairlead::bench {
namespace {

constexpr std::size_t kSubscribers = 1000;

/// As long as the event that the hub makes of write_telemetry's message.
std::string event_like() {
  return R"({"type":"telemetry","device":"bench-0","offset":123456,"ts":1764000000000,)"
         R"("at":1764000000003,"metrics":{"temperature":63.72,"pressure":1.913,"flow":21.48,)"
         R"("burner_on":true}})";
}

/// Peer 0 is the publisher, the others subscribe.
class Rounds {
 public:
  Rounds(Peers& peers, int window, bool is_hub) : peers_(peers), window_(window), is_hub_(is_hub) {}

  /// CPU time of the server for each delivery, us.
  Result<double> run(Lab& lab, const Child& server) {
    const double seconds = lab.choices().seconds;
    if (auto warmed = rounds_for(seconds / 3); !warmed) return std::unexpected(warmed.error());
    const std::int64_t before = delivered_;
    const Window measuring(lab, server);
    if (auto measured = rounds_for(seconds); !measured) return std::unexpected(measured.error());
    return static_cast<double>(measuring.cpu_ns()) / 1000 /
           static_cast<double>(delivered_ - before);
  }

 private:
  Result<void> rounds_for(double seconds) {
    const std::int64_t end = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
    do {
      if (auto round = one_round(); !round) return round;
    } while (now_ns() < end);
    return {};
  }

  Result<void> one_round() {
    const auto wanted = static_cast<std::int64_t>(kSubscribers) * window_;
    std::int64_t deliveries = 0;
    int acks = 0;
    std::string problem;
    for (int i = 0; i < window_; ++i) {
      write_telemetry(message_, ++seq_);
      peers_.send(0, is_hub_ ? message_ : event_like());
    }
    const auto done = peers_.run(
        [&](std::size_t peer, std::string_view message) {
          if (peer != 0 && has_type(message, "telemetry")) ++deliveries;
          if (peer == 0 && !has_type(message, "welcome")) ++acks;
          if (has_type(message, "error") || has_type(message, "lag")) {
            problem = message.substr(0, 200);
          }
        },
        [&] { return (deliveries == wanted && acks == window_) || !problem.empty(); }, 30, true);
    delivered_ += deliveries;
    if (!problem.empty()) return fail(Code::kInternal, "the hub said {}", problem);
    return done;
  }

  Peers& peers_;
  const int window_;
  const bool is_hub_;
  std::int64_t seq_ = 0;
  std::int64_t delivered_ = 0;
  std::string message_;
};

Result<void> subscribe_all(Peers& peers) {
  std::size_t acks = 0;
  std::string problem;
  for (std::size_t peer = 1; peer < peers.size(); ++peer) {
    peers.send(peer, R"({"type":"subscribe","id":1,"devices":["bench-0"],"events":["telemetry"]})");
  }
  const auto done = peers.run(
      [&](std::size_t peer, std::string_view message) {
        if (peer != 0 && has_type(message, "ack")) ++acks;
        if (has_type(message, "error")) problem = message.substr(0, 200);
      },
      [&] { return acks == kSubscribers || !problem.empty(); }, 30, true);
  if (!problem.empty()) return fail(Code::kInternal, "a subscription was refused: {}", problem);
  return done;
}

}  // namespace

Result<double> fanout_cpu_us(Lab& lab, const Child& server, int window, bool is_hub) {
  Peers peers;
  const auto publisher = peers.connect(server.port(), is_hub ? "/v1/ws" : "/pub",
                                       is_hub ? lab.device_token("bench-0") : "");
  if (!publisher) return std::unexpected(publisher.error());
  const std::string token = is_hub ? lab.client_token() : "";
  for (std::size_t i = 0; i < kSubscribers; ++i) {
    const auto peer = peers.connect(server.port(), is_hub ? "/v1/ws" : "/sub", token);
    if (!peer) return std::unexpected(peer.error());
  }
  if (is_hub) {
    const auto subscribed = subscribe_all(peers);
    if (!subscribed) return std::unexpected(subscribed.error());
  }
  return Rounds(peers, window, is_hub).run(lab, server);
}

Result<Measured> measure_fanout(Lab& lab, int window, const std::string& io) {
  Measured measured;
  {
    const auto hub = lab.start_hub({"runtime.io=" + io});
    if (!hub) return std::unexpected(hub.error());
    const auto cpu = fanout_cpu_us(lab, **hub, window, true);
    if (!cpu) return std::unexpected(cpu.error());
    measured.hub = *cpu;
  }
  const auto floor = lab.start_floor("fanout");
  if (!floor) return std::unexpected(floor.error());
  const auto cpu = fanout_cpu_us(lab, **floor, window, false);
  if (!cpu) return std::unexpected(cpu.error());
  measured.floors["fanout"] = *cpu;
  return measured;
}

}  // namespace fairlead::bench
